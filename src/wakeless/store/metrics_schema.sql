-- One row for every metric that was ever put and still has data.
CREATE TABLE metric_series (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    -- JSON: [["name","value"],...], sorted, without blanks.
    dimensions TEXT NOT NULL,
    -- Start of the newest and the oldest bucket, to within five minutes; of the newest one-second bucket or NULL.
    newest_at INTEGER NOT NULL,
    oldest_at INTEGER NOT NULL,
    fine_at INTEGER,
    UNIQUE (namespace, name, dimensions)
);
-- Clustered by time: a put writes a few neighbouring pages however many series it has, and what is too old is one range.
CREATE TABLE metric_buckets (
    -- Seconds that the bucket covers: 1, 60, 300 or 3600.
    level INTEGER NOT NULL,
    -- Seconds since the Unix epoch.
    start INTEGER NOT NULL,
    series_id INTEGER NOT NULL,
    unit TEXT NOT NULL,
    samples REAL NOT NULL,
    total REAL NOT NULL,
    minimum REAL NOT NULL,
    maximum REAL NOT NULL,
    -- The distribution, where four numbers do not tell it: all values, then all counts, as little-endian doubles.
    spread BLOB,
    PRIMARY KEY (level, start, series_id, unit)
) WITHOUT ROWID;
-- Counts the puts, so that a reader knows which of them it has seen.
CREATE TABLE metric_commits (number INTEGER NOT NULL);
INSERT INTO metric_commits VALUES (0)
