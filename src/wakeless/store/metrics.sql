-- next_commit: count a put
UPDATE metric_commits SET number = number + 1;

-- commit_number: the number of the last put
SELECT number FROM metric_commits;

-- find_series: what is known of one metric
SELECT id, newest_at, oldest_at, fine_at
  FROM metric_series
 WHERE namespace = ? AND name = ? AND dimensions = ?;

-- add_series: a metric seen for the first time
INSERT INTO metric_series (namespace, name, dimensions, newest_at, oldest_at, fine_at) VALUES (?, ?, ?, ?, ?, ?);

-- touch_series: a metric has newer or older data than was known
UPDATE metric_series
   SET newest_at = max(newest_at, :newest),
       oldest_at = min(oldest_at, :oldest),
       fine_at = CASE WHEN :fine IS NULL THEN fine_at ELSE max(coalesce(fine_at, 0), :fine) END
 WHERE id = :id;

-- put_bucket: samples join those that are there already
INSERT INTO metric_buckets (level, start, series_id, unit, samples, total, minimum, maximum, spread)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (level, start, series_id, unit) DO UPDATE
   SET samples = samples + excluded.samples,
       total = total + excluded.total,
       minimum = min(minimum, excluded.minimum),
       maximum = max(maximum, excluded.maximum),
       spread = CASE
           WHEN min(minimum, excluded.minimum) < 0 THEN NULL
           WHEN min(minimum, excluded.minimum) = max(maximum, excluded.maximum) THEN NULL
           ELSE merge_spread(samples, total, minimum, maximum, spread, excluded.samples, excluded.total,
                             excluded.minimum, excluded.maximum, excluded.spread)
       END;

-- level_range: oldest and newest bucket of a level
SELECT (SELECT min(start) FROM metric_buckets WHERE level = :level),
       (SELECT max(start) FROM metric_buckets WHERE level = :level);

-- read_buckets: buckets of some series in [first, end), by one look into the key for each series and start
WITH RECURSIVE starts (start) AS (
    SELECT :first WHERE :first < :end
    UNION ALL
    SELECT start + :level FROM starts WHERE start + :level < :end
)
SELECT b.series_id, b.unit, b.start, b.samples, b.total, b.minimum, b.maximum, b.spread
  FROM json_each(:series) AS s
 CROSS JOIN starts
 CROSS JOIN metric_buckets AS b
 WHERE b.level = :level AND b.start = starts.start AND b.series_id = s.value;

-- list_series: metrics with data since a moment, in the order in which they came; dimensions are checked by pattern
SELECT id, namespace, name, dimensions
  FROM metric_series
 WHERE id > :after AND newest_at >= :since
   AND (:namespace IS NULL OR namespace = :namespace)
   AND (:name IS NULL OR name = :name)
   AND NOT EXISTS (SELECT 1 FROM json_each(:patterns) AS p WHERE instr(metric_series.dimensions, p.value) = 0)
 ORDER BY id
 LIMIT :limit;

-- oldest_buckets: the oldest buckets of a level before a moment
SELECT level, start, series_id, unit, samples, total, minimum, maximum, spread
  FROM metric_buckets
 WHERE level = :level AND start < :before
 ORDER BY start, series_id, unit
 LIMIT :limit;

-- drop_buckets: buckets of a level up to and with one of them
DELETE FROM metric_buckets
 WHERE level = :level AND (start, series_id, unit) <= (:start, :series_id, :unit);

-- drop_series: a metric whose data is too old to be kept
DELETE FROM metric_series WHERE newest_at < :before;
