-- record_alarm: keep one report; no row is added when a copy of it came before
INSERT INTO alarms_received (dedup_key, fingerprint, state, changed_at, received_at, alarm)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (dedup_key) DO NOTHING

-- inbox: reports that have not been correlated yet, in the order in which they came
SELECT seq, received_at, alarm FROM alarms_received
WHERE correlated = 0 AND seq NOT IN (SELECT value FROM json_each(:aside)) ORDER BY seq LIMIT :limit

-- join_alarm: say which incident a report belongs to
UPDATE alarms_received SET correlated = 1, incident_id = :incident_id WHERE dedup_key = :dedup_key

-- incident_of_alarm: which incident a copy belongs to
SELECT incident_id FROM alarms_received WHERE dedup_key = :dedup_key

-- latest_state: the newest state known of an alarm
SELECT state, changed_at FROM alarm_latest WHERE fingerprint = :fingerprint

-- put_latest_state: remember it, if it is not older than what is known
INSERT INTO alarm_latest (fingerprint, state, changed_at) VALUES (:fingerprint, :state, :changed_at)
ON CONFLICT (fingerprint) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at
WHERE excluded.changed_at >= alarm_latest.changed_at

-- open_incident: the incident of this fingerprint that is not resolved
SELECT run FROM incidents WHERE fingerprint = :fingerprint AND status <> 'resolved'

-- insert_incident: a new one
INSERT INTO incidents (id, fingerprint, alarm_name, source, status, phase, opened_at, updated_at, resolved_at, wake_at, run)
VALUES (:id, :fingerprint, :alarm_name, :source, :status, :phase, :opened_at, :updated_at, :resolved_at, :wake_at, :run)

-- update_incident: its next state
UPDATE incidents SET status = :status, phase = :phase, updated_at = :updated_at, resolved_at = :resolved_at,
    wake_at = :wake_at, run = :run
WHERE id = :id

-- get_run: one incident's state
SELECT run FROM incidents WHERE id = :id

-- active_incidents: those that need the host at once after a restart
SELECT id FROM incidents
WHERE status <> 'resolved' AND (phase IN ('guarding', 'executing') OR (phase = 'planning' AND wake_at IS NULL))

-- executing_incidents: those with a running attempt
SELECT id FROM incidents WHERE status <> 'resolved' AND phase = 'executing'

-- held_incidents: those that are held, the longest waiting first
SELECT id FROM incidents WHERE status <> 'resolved' AND phase = 'held' ORDER BY id LIMIT :limit

-- due_incidents: those whose time has come, the longest waiting first
SELECT id, wake_at FROM incidents WHERE wake_at IS NOT NULL AND wake_at <= :now ORDER BY wake_at LIMIT :limit

-- next_wake: when the next one is due
SELECT min(wake_at) FROM incidents WHERE wake_at IS NOT NULL

-- add_timeline: one entry
INSERT INTO timeline (incident_id, at, kind, text, data) VALUES (:incident_id, :at, :kind, :text, :data)

-- timeline_of: an incident's entries
SELECT seq, at, kind, text, data FROM timeline WHERE incident_id = :incident_id ORDER BY seq

-- timeline_after: all entries after a sequence number
SELECT seq, incident_id, at, kind, text, data FROM timeline WHERE seq > :after ORDER BY seq LIMIT :limit

-- timeline_last: the newest sequence number
SELECT coalesce(max(seq), 0) FROM timeline

-- begin_attempt: the intent
INSERT INTO attempts (id, incident_id, number, fingerprint, rule, target, script, script_version, began_at)
VALUES (:id, :incident_id, :number, :fingerprint, :rule, :target, :script, :script_version, :began_at)

-- attempt_started: the target has it
UPDATE attempts SET started_at = :at WHERE id = :id AND started_at IS NULL

-- end_attempt: the result
UPDATE attempts SET ended_at = :ended_at, result = :result, exit_code = :exit_code, detail = :detail WHERE id = :id

-- attempt_output: how much output was kept
UPDATE attempts SET stdout_size = :stdout_size, stderr_size = :stderr_size WHERE id = :id

-- attempt_removed: the run folder is gone
UPDATE attempts SET removed = 1 WHERE id = :id

-- get_attempt: one attempt
SELECT * FROM attempts WHERE id = :id

-- attempts_of: an incident's attempts
SELECT * FROM attempts WHERE incident_id = :incident_id ORDER BY number

-- attempts_left: ended attempts whose run folder may still be there
SELECT id, target FROM attempts WHERE removed = 0 AND ended_at IS NOT NULL AND result <> 'outcome_unknown' LIMIT :limit

-- alarm_last_began: newest attempt for this alarm in another incident
SELECT max(began_at) FROM attempts WHERE fingerprint = :fingerprint AND incident_id <> :incident_id

-- target_last_began: newest attempt on this target in another incident
SELECT max(began_at) FROM attempts WHERE target = :target AND incident_id <> :incident_id

-- rule_began: attempts under this rule since a moment
SELECT began_at FROM attempts WHERE rule = :rule AND began_at > :since

-- rule_running: attempts under this rule that run now
SELECT count(*) FROM attempts WHERE rule = :rule AND ended_at IS NULL AND incident_id <> :incident_id

-- target_busy: incidents whose attempt runs now on this target
SELECT incident_id FROM attempts WHERE target = :target AND ended_at IS NULL AND incident_id <> :incident_id LIMIT 1000

-- incidents_opened: when incidents of this fingerprint opened since a moment
SELECT opened_at FROM incidents WHERE fingerprint = :fingerprint AND opened_at > :since

-- put_message: one delivery
INSERT INTO outbox (id, incident_id, channel, kind, reason, created_at, next_at)
VALUES (:id, :incident_id, :channel, :kind, :reason, :now, :now)

-- waiting_channels: channels that a message waits for
SELECT DISTINCT channel FROM outbox WHERE status = 'pending'

-- due_messages: deliveries to be tried now through one channel; each incident's in order, so that no end overtakes its beginning
SELECT id, incident_id, channel, kind, reason, tries, created_at FROM outbox AS one
WHERE status = 'pending' AND channel = :channel AND next_at <= :now AND NOT EXISTS (
    SELECT 1 FROM outbox AS earlier
    WHERE earlier.incident_id = one.incident_id AND earlier.channel = one.channel AND earlier.status = 'pending'
        AND earlier.id < one.id
)
ORDER BY next_at, id LIMIT :limit

-- next_message: when the next delivery becomes due
SELECT min(next_at) FROM outbox WHERE status = 'pending' AND next_at > :now

-- message_sent: the channel has it
UPDATE outbox SET status = 'sent', tries = tries + 1, sent_at = :now, reference = :reference, error = '' WHERE id = :id

-- message_later: try again then
UPDATE outbox SET tries = tries + 1, next_at = :next_at, error = :error WHERE id = :id

-- message_failed: given up
UPDATE outbox SET status = 'failed', tries = tries + 1, error = :error WHERE id = :id

-- first_reference: the channel's id of the first message it took about this incident
SELECT reference FROM outbox
WHERE incident_id = :incident_id AND channel = :channel AND status = 'sent' AND reference <> '' ORDER BY sent_at LIMIT 1

-- is_told: whether a channel took a message about this incident
SELECT 1 FROM outbox WHERE incident_id = :incident_id AND channel = :channel AND status = 'sent' LIMIT 1

-- told_channels: channels that were told of this incident, or are about to be
SELECT DISTINCT channel FROM outbox
WHERE incident_id = :incident_id AND kind <> 'incident.resolved' AND status <> 'failed'

-- messages_of: an incident's deliveries
SELECT id, channel, kind, reason, status, tries, created_at, sent_at, next_at, reference, error FROM outbox
WHERE incident_id = :incident_id ORDER BY created_at, id

-- get_switch: one switch
SELECT value, principal, reason, at FROM switches WHERE name = :name

-- put_switch: set it
INSERT INTO switches (name, value, principal, reason, at) VALUES (:name, :value, :principal, :reason, :at)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, principal = excluded.principal, reason = excluded.reason, at = excluded.at

-- list_incidents: newest first, before an id
SELECT run FROM incidents WHERE id < :before ORDER BY id DESC LIMIT :limit

-- list_incidents_by_status: newest first, before an id, in one status
SELECT run FROM incidents WHERE status = :status AND id < :before ORDER BY id DESC LIMIT :limit

-- list_open_incidents: newest first, before an id, not resolved
SELECT run FROM incidents WHERE status <> 'resolved' AND id < :before ORDER BY id DESC LIMIT :limit

-- count_by_status: how many incidents stand where
SELECT status, count(*) FROM incidents GROUP BY status

-- prune_alarms: forget reports that nobody will repeat; what nobody has looked at yet is never forgotten
DELETE FROM alarms_received
WHERE seq IN (SELECT seq FROM alarms_received WHERE received_at < :before AND correlated = 1 LIMIT :limit)
