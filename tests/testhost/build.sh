#!/bin/bash
# build.sh - makes the root file system of the test host, once per machine: Debian 12 with systemd, sshd, nginx, cron.
# WORK: where everything is kept (default ~/.cache/wakeless-testhost).  Delete $WORK/base-* to build it anew.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
need_root
mkdir -p "$WORK"
exec 9>"$WORK/build.lock"
flock 9
[ ! -e "$BASE/etc/os-release" ] || exit 0
need mmdebstrap mmdebstrap
say "building the root file system (a minute, once), log in $WORK/build.log"
rm -rf "$BASE.new"
mmdebstrap --variant=minbase --aptopt='Acquire::Languages "none"' \
    --include=systemd,systemd-sysv,dbus,openssh-server,iproute2,ca-certificates,python3,cron,nginx-light,sudo,procps,e2fsprogs,curl,busybox \
    bookworm "$BASE.new" >"$WORK/build.log" 2>&1 ||
    { rm -rf "$BASE.new"; die "mmdebstrap failed, see $WORK/build.log"; }
mv "$BASE.new" "$BASE"
for old in "$WORK"/base "$WORK"/base-*; do
    [ "$old" = "$BASE" ] || [ ! -d "$old" ] || grep -q "lowerdir=$old," /proc/mounts || rm -rf "$old"
done
