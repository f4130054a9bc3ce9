CREATE TABLE alarms (
    name TEXT PRIMARY KEY,
    -- alarms.definitions.AlarmRecord as JSON: configuration, state, tags.
    record TEXT NOT NULL
) WITHOUT ROWID;

-- Outlives its alarm.
CREATE TABLE alarm_history (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm_name TEXT NOT NULL,
    alarm_type TEXT NOT NULL,
    at REAL NOT NULL,
    type TEXT NOT NULL,
    summary TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX alarm_history_of ON alarm_history (alarm_name, seq);
CREATE INDEX alarm_history_at ON alarm_history (at);
