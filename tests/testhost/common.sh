# What build.sh, boot.sh and teardown.sh share.  Sourced by bash.

# shellcheck disable=SC2034
WORK=${WORK:-${XDG_CACHE_HOME:-$HOME/.cache}/wakeless-testhost}
# On this machine only one host may have a number, whoever boots it from wherever.
CLAIMS=/run/wakeless-testhost
# cgroup 2 is mounted below, beside version 1, or alone.
CGROUP=/sys/fs/cgroup/unified
[ -d "$CGROUP" ] || CGROUP=/sys/fs/cgroup

# Another list of packages makes another base.
BASE=$WORK/base-$(sha256sum "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/build.sh" | cut -c1-12)

die() {
    printf 'testhost: %s\n' "$*" >&2
    exit 1
}

say() { printf 'testhost: %s\n' "$*" >&2; }

# A zombie is not alive, though `kill -0` says it is.
alive() { [ -n "${1:-}" ] && grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null; }

need_root() {
    [ "$(uname -s)" = Linux ] || die "it boots Linux with systemd-nspawn: this is $(uname -s)"
    [ "$(id -u)" = 0 ] || die "it needs root (systemd-nspawn, a network namespace): you are $(id -un)"
    [ -e "$CGROUP/cgroup.procs" ] || die "it needs cgroup version 2 at $CGROUP"
}

# need COMMAND PACKAGE: installs the package when the command is missing.
need() {
    command -v "$1" >/dev/null && return
    command -v apt-get >/dev/null || die "it needs $1 (package $2), and there is no apt-get to install it"
    say "installing $2"
    { apt-get update -q && apt-get install -y -q --no-install-recommends "$2"; } >>"$WORK/apt.log" 2>&1 ||
        die "$2 could not be installed, see $WORK/apt.log"
}
