#!/bin/bash
# boot.sh NAME - boots a Debian 12 server (systemd is its process 1) in a second or two; prints its address.
# NAME: up to 10 letters and digits.  Booting a name that runs only prints; one that lost power boots with its disk.
# Environment: WORK (see build.sh); OWNER, a process id: when it is dead, the next boot tears this host down.
# Log in with `ssh -i $WORK/id_ed25519 -o UserKnownHostsFile=$WORK/run/NAME/known_hosts root@ADDRESS`;
# the users are root, deploy (sudo without a password) and plain (no sudo).  Faults from outside:
#   power loss   echo 1 >$CGROUP/h-NAME/cgroup.kill, then boot.sh NAME again
#   hung server  echo 1 >$CGROUP/h-NAME/cgroup.freeze, 0 to thaw
#   network cut  ip -n h-NAME link set host0 down, up to heal
set -euo pipefail
HERE=$(dirname "$(readlink -f "$0")")
# shellcheck source=common.sh
. "$HERE/common.sh"
NAME=${1:-host1}
[[ $NAME =~ ^[a-z0-9]{1,10}$ ]] || die "not a name: $NAME (up to 10 letters and digits)"
need_root
mkdir -p "$WORK" "$CLAIMS"
RUN=$WORK/run/$NAME
root=$RUN/root

# 0. what it needs, and an end to the hosts of owners that died
need systemd-nspawn systemd-container
need ssh-keygen openssh-client
need ip iproute2
need flock util-linux
WORK=$WORK "$HERE/build.sh"
for claim in "$CLAIMS"/*; do
    [ -e "$claim/owner" ] || continue
    read -r owner space name work <"$claim/owner" || continue
    # An owner in another process namespace cannot be seen from here: that is no reason to end its host.
    [ "$space" = "$(readlink /proc/self/ns/pid)" ] || continue
    [ "$name" = "$NAME" ] || alive "$owner" || { say "tearing down $name, its owner is gone"; WORK=$work "$HERE/teardown.sh" "$name" >&2; }
done

# A number of its own: 198.18.NUMBER.0/30 (RFC 2544, never routed).
mkdir -p "$RUN"
if [ ! -s "$RUN/number" ]; then
    for number in $(seq 1 250) none; do
        [ "$number" != none ] || die "all 250 numbers are taken, see $CLAIMS"
        if ! ip -o addr show | grep -q " 198\.18\.$number\." && mkdir "$CLAIMS/$number" 2>/dev/null; then break; fi
    done
    echo "$number" >"$RUN/number"
fi
NUMBER=$(cat "$RUN/number")
mkdir -p "$CLAIMS/$NUMBER"
echo "${OWNER:-1} $(readlink /proc/self/ns/pid) $NAME $WORK" >"$CLAIMS/$NUMBER/owner"
ADDRESS=198.18.$NUMBER.2
if alive "$(cat "$RUN/pid" 2>/dev/null)"; then
    echo "$ADDRESS"
    exit 0
fi

# 1. root file system: read-only below, this host's changes above
mkdir -p "$RUN"/{upper,scratch,root}
(
    flock 9
    [ -s "$WORK/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C testhost -f "$WORK/id_ed25519"
) 9>"$WORK/key.lock"
mountpoint -q "$root" ||
    mount -t overlay "overlay-$NAME" -o "lowerdir=$BASE,upperdir=$RUN/upper,workdir=$RUN/scratch" "$root" ||
    die "overlay cannot be mounted on $root: is $WORK itself on an overlay? Set WORK to another file system"
if [ ! -e "$root/etc/.provisioned" ]; then
    : >"$root/etc/machine-id"
    echo "$NAME" >"$root/etc/hostname"
    printf '127.0.0.1 localhost %s\n' "$NAME" >"$root/etc/hosts"
    rm -f "$root"/etc/ssh/ssh_host_*
    for kind in ed25519 ecdsa; do
        ssh-keygen -q -t "$kind" -N '' -f "$root/etc/ssh/ssh_host_${kind}_key" -C "$NAME"
    done
    printf 'UseDNS no\n' >"$root/etc/ssh/sshd_config.d/test.conf"
    for user in deploy plain; do
        chroot "$root" id "$user" >/dev/null 2>&1 || chroot "$root" useradd -m -s /bin/bash "$user"
    done
    echo 'deploy ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/deploy"
    for home in root home/deploy home/plain; do
        install -d -m700 "$root/$home/.ssh"
        install -m600 "$WORK/id_ed25519.pub" "$root/$home/.ssh/authorized_keys"
    done
    for user in deploy plain; do
        chroot "$root" chown -R "$user:" "/home/$user/.ssh"
    done
    install -m755 "$HERE/webapp.py" "$root/usr/local/bin/webapp.py"
    install -m644 "$HERE/webapp.service" "$root/etc/systemd/system/webapp.service"
    ln -sf /etc/systemd/system/webapp.service "$root/etc/systemd/system/multi-user.target.wants/webapp.service"
    # A link with an absolute target would be followed on this machine, not in the guest.
    rm -f "$root/etc/nginx/sites-enabled/default"
    cat >"$root/etc/nginx/sites-enabled/webapp" <<'P'
server { listen 80 default_server; location / { proxy_pass http://127.0.0.1:8000; proxy_connect_timeout 2s; proxy_set_header Host $host; } }
P
    touch "$root/etc/.provisioned"
fi
for kind in ed25519 ecdsa; do
    printf '%s %s\n' "$ADDRESS" "$(cut -d' ' -f1,2 "$root/etc/ssh/ssh_host_${kind}_key.pub")"
done >"$RUN/known_hosts"

# 2. network: a namespace and one pair of ends, both configured here, so that a reboot of the guest keeps them
if [ ! -e "/run/netns/h-$NAME" ]; then
    ip netns add "h-$NAME"
    # Without this, packets to a host that is cut off would take the default route and leave the machine.
    ip route replace unreachable "198.18.$NUMBER.0/30" metric 4096
    ip link add "vh-$NAME" type veth peer name host0 netns "h-$NAME"
    ip addr add "198.18.$NUMBER.1/30" dev "vh-$NAME"
    ip link set "vh-$NAME" up
    ip -n "h-$NAME" link set lo up
    ip -n "h-$NAME" addr add "$ADDRESS/30" dev host0
fi
ip -n "h-$NAME" link set host0 up

# 3. boot, in a cgroup of its own; nspawn ends with 133 when the guest asked to reboot
cat >"$RUN/supervise.sh" <<S
for folder in /sys/fs/cgroup/systemd $CGROUP; do
    [ -d "\$folder" ] || continue
    mkdir -p "\$folder/h-$NAME" && echo \$\$ >"\$folder/h-$NAME/cgroup.procs"
done
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while :; do
    systemd-nspawn -q --keep-unit --register=no -D "$root" -M "$NAME" --network-namespace-path="/run/netns/h-$NAME" \
        --capability=CAP_NET_ADMIN --resolv-conf=off --timezone=off --link-journal=no --console=pipe ${BIND:-} -b </dev/null &
    echo \$! >"$RUN/pid"
    wait \$!
    code=\$?
    echo "nspawn ended with \$code"
    [ "\$code" = 133 ] || break
done
rm -f "$RUN/pid"
S
for _ in 1 2 3; do
    setsid bash "$RUN/supervise.sh" >>"$RUN/console.log" 2>&1 </dev/null 9>&- &
    echo $! >"$RUN/supervisor.pid"

    # 4. ready: sshd answers with our key and systemd has finished its start
    for _ in $(seq 200); do
        state=$(ssh -q -n -i "$WORK/id_ed25519" -o "UserKnownHostsFile=$RUN/known_hosts" -o BatchMode=yes \
            -o ConnectTimeout=2 -o StrictHostKeyChecking=yes "root@$ADDRESS" systemctl is-system-running --wait 2>/dev/null) || true
        case $state in
        running | degraded)
            echo "$ADDRESS"
            exit 0
            ;;
        esac
        alive "$(cat "$RUN/supervisor.pid")" || break
        sleep 0.1
    done
    # After a power loss the kernel may still hold what the dead nspawn had: then once more.
    alive "$(cat "$RUN/supervisor.pid")" && break
    sleep 0.5
done
tail -n 20 "$RUN/console.log" >&2
die "$NAME did not come up; the whole console is in $RUN/console.log"
