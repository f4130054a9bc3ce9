#!/bin/sh
# Starts a web application that has stopped.
#
# The name says when: the alarm's metric is `webapp-uptime` and its namespace is `CustomNamespace`.
# Parameter `service` (WAKELESS_PARAM_SERVICE): the systemd service; `webapp` unless a rule says otherwise.
# Safe to repeat: starting a service that runs does nothing.
set -u

service=${WAKELESS_PARAM_SERVICE:-webapp}
seconds=10

echo "$service is $(systemctl is-active "$service")"
echo "+ systemctl start $service"
systemctl start "$service" || {
    code=$?
    systemctl status "$service" 2>&1 | tail -n 20
    exit "$code"
}

# A service may start and fall over at once: look until it has stayed up for two seconds.
steady=0
while [ "$seconds" -gt 0 ]; do
    if systemctl is-active "$service" >/dev/null; then steady=$((steady + 1)); else steady=0; fi
    if [ "$steady" -gt 2 ]; then
        echo "$service is active"
        exit 0
    fi
    sleep 1
    seconds=$((seconds - 1))
done
echo "$service did not stay up" >&2
systemctl status "$service" 2>&1 | tail -n 20
exit 1
