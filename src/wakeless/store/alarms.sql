-- load_alarms: every alarm, at start-up
SELECT record FROM alarms ORDER BY name;

-- put_alarm: a new or changed alarm
INSERT INTO alarms (name, record) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET record = excluded.record;

-- delete_alarm: forget one alarm; its history stays
DELETE FROM alarms WHERE name = ?;

-- add_history: something happened to an alarm
INSERT INTO alarm_history (alarm_name, alarm_type, at, type, summary, data) VALUES (?, ?, ?, ?, ?, ?);

-- history_newest_first: a page of all alarms' history
SELECT seq, alarm_name, alarm_type, at, type, summary, data FROM alarm_history
 WHERE alarm_type IN (SELECT value FROM json_each(:alarm_types))
   AND (:type IS NULL OR type = :type)
   AND at >= :start AND at <= :end
   AND seq < :before
 ORDER BY seq DESC LIMIT :limit;

-- history_oldest_first: the same in the other direction
SELECT seq, alarm_name, alarm_type, at, type, summary, data FROM alarm_history
 WHERE alarm_type IN (SELECT value FROM json_each(:alarm_types))
   AND (:type IS NULL OR type = :type)
   AND at >= :start AND at <= :end
   AND seq > :after
 ORDER BY seq LIMIT :limit;

-- history_of_alarm_newest_first: the same for one alarm, along its index
SELECT seq, alarm_name, alarm_type, at, type, summary, data FROM alarm_history
 WHERE alarm_name = :alarm_name
   AND alarm_type IN (SELECT value FROM json_each(:alarm_types))
   AND (:type IS NULL OR type = :type)
   AND at >= :start AND at <= :end
   AND seq < :before
 ORDER BY seq DESC LIMIT :limit;

-- history_of_alarm_oldest_first: the same in the other direction
SELECT seq, alarm_name, alarm_type, at, type, summary, data FROM alarm_history
 WHERE alarm_name = :alarm_name
   AND alarm_type IN (SELECT value FROM json_each(:alarm_types))
   AND (:type IS NULL OR type = :type)
   AND at >= :start AND at <= :end
   AND seq > :after
 ORDER BY seq LIMIT :limit;

-- prune_history: what is older than it is kept
DELETE FROM alarm_history WHERE at < ?;
