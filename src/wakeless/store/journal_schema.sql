CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    alarm_name TEXT NOT NULL,
    source TEXT NOT NULL,
    status TEXT NOT NULL,
    phase TEXT NOT NULL,
    opened_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    resolved_at REAL,
    -- When the host must come back; NULL: only an event from outside moves it on.
    wake_at REAL,
    -- pipeline.run.Run as JSON: everything the pipeline needs to go on.
    run TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX incidents_open ON incidents (fingerprint) WHERE status <> 'resolved';
CREATE INDEX incidents_wake ON incidents (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX incidents_active ON incidents (phase, id) WHERE status <> 'resolved';
CREATE INDEX incidents_by_status ON incidents (status, id);
CREATE INDEX incidents_by_fingerprint ON incidents (fingerprint, opened_at);

CREATE TABLE alarms_received (
    seq INTEGER PRIMARY KEY,
    dedup_key TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    changed_at REAL NOT NULL,
    received_at REAL NOT NULL,
    -- 0 until the report has been correlated with an incident: the inbox of what was acknowledged.
    correlated INTEGER NOT NULL DEFAULT 0,
    incident_id TEXT,
    alarm TEXT NOT NULL
);
CREATE INDEX alarms_received_inbox ON alarms_received (seq) WHERE correlated = 0;
CREATE INDEX alarms_received_at ON alarms_received (received_at);

-- The newest state of each alarm, so that a late report opens nothing.
CREATE TABLE alarm_latest (
    fingerprint TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    changed_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    rule TEXT NOT NULL,
    target TEXT NOT NULL,
    script TEXT NOT NULL,
    script_version TEXT NOT NULL,
    -- Written before anything runs.
    began_at REAL NOT NULL,
    -- Set once the target said that it has the command; without it, an absent run folder means it never began.
    started_at REAL,
    ended_at REAL,
    result TEXT,
    exit_code INTEGER,
    detail TEXT NOT NULL DEFAULT '',
    stdout_size INTEGER NOT NULL DEFAULT 0,
    stderr_size INTEGER NOT NULL DEFAULT 0,
    -- 1 once the run folder on the target is gone.
    removed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX attempts_of_incident ON attempts (incident_id, number);
CREATE INDEX attempts_of_alarm ON attempts (fingerprint, began_at);
CREATE INDEX attempts_on_target ON attempts (target, began_at);
CREATE INDEX attempts_of_rule ON attempts (rule, began_at);
CREATE INDEX attempts_running ON attempts (target, rule) WHERE ended_at IS NULL;
CREATE INDEX attempts_left ON attempts (id) WHERE removed = 0;

CREATE TABLE timeline (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id TEXT NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX timeline_of_incident ON timeline (incident_id, seq);

CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    tries INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    next_at REAL NOT NULL,
    sent_at REAL,
    reference TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (channel, next_at) WHERE status = 'pending';
CREATE INDEX outbox_of_incident ON outbox (incident_id, created_at);

-- Single values that a person set: the kill switch.
CREATE TABLE switches (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    principal TEXT NOT NULL,
    reason TEXT NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID
