#!/bin/bash
# teardown.sh NAME - ends a host and removes everything boot.sh made for it (keeps the base and the key).
set -uo pipefail
# shellcheck source=common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
NAME=${1:-host1}
RUN=$WORK/run/$NAME
[ -d "$RUN" ] || exit 0
group=$CGROUP/h-$NAME
[ ! -w "$group/cgroup.freeze" ] || echo 0 >"$group/cgroup.freeze"
# Without an orderly end: nothing of it is kept, and this takes no time.
[ ! -w "$group/cgroup.kill" ] || echo 1 >"$group/cgroup.kill"
for _ in $(seq 100); do
    alive "$(cat "$RUN/pid" 2>/dev/null)" || alive "$(cat "$RUN/supervisor.pid" 2>/dev/null)" || break
    sleep 0.05
done
number=$(cat "$RUN/number" 2>/dev/null)
ip netns del "h-$NAME" 2>/dev/null
ip link del "vh-$NAME" 2>/dev/null
[ -z "$number" ] || ip route del unreachable "198.18.$number.0/30" metric 4096 2>/dev/null
for _ in $(seq 20); do
    mountpoint -q "$RUN/root" || break
    umount "$RUN/root" 2>/dev/null && break
    sleep 0.1
done
! mountpoint -q "$RUN/root" || umount -l "$RUN/root"
for folder in /sys/fs/cgroup/systemd "$CGROUP"; do
    [ ! -d "$folder/h-$NAME" ] || find "$folder/h-$NAME" -depth -type d -exec rmdir {} + 2>/dev/null
done
rmdir "/run/systemd/nspawn/propagate/$NAME" 2>/dev/null
! mountpoint -q "$RUN/root" && rm -rf "$RUN"
[ -z "$number" ] || rm -rf "${CLAIMS:?}/$number"
exit 0
