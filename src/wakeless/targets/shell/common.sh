# Parts that the runner and the control program share.

set -f
umask 077

# $boot: the name of this boot of the machine; the same string until it restarts.
find_boot() {
    boot=
    { IFS= read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null ||
        boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null)
    case $boot in
    '' | *[!A-Za-z0-9-]*) boot=unknown ;;
    esac
}

# $born: when process $1 was started, by its kernel; empty when there is no such process or it is a zombie.
# Together with the process number it names a process for good, so that a reused number is never mistaken.
find_born() {
    born=
    if [ -r /proc/self/stat ]; then
        { IFS= read -r born <"/proc/$1/stat"; } 2>/dev/null || { born= && return 0; }
        set -- ${born##*') '}
        case $1 in
        Z | X | x) born= ;;
        *) born=${20-} ;;
        esac
    else
        set -- $(LC_ALL=C ps -o stat= -o lstart= -p "$1" 2>/dev/null)
        case ${1-} in
        '' | Z*) ;;
        *) shift && born="$*" ;;
        esac
    fi
}

# $own: what makes a command the leader of a process group of its own: setsid, monitor (`set -m`), perl or none.
# The binary setsid is on Linux and in busybox; macOS has none, but a shell with job control, and perl.
find_own() {
    if command -v setsid >/dev/null 2>&1; then
        own=setsid
        return 0
    fi
    case $(set -m 2>/dev/null && printf '%s' "$-") in
    *m*) own=monitor ;;
    *) command -v perl >/dev/null 2>&1 && own=perl || own=none ;;
    esac
}

# kill_group SIGNAL: to the group of $leader or, while it is about to make its group, to itself.
# This spelling is the one that all shells take: dash wants `--` behind `-s`, busybox has no `--`.
# A number that came from a file must not become `kill -TERM -1`, which is everybody, or 0, which is ourselves.
kill_group() {
    case $leader in
    '' | *[!0-9]* | 0* | 1) return 1 ;;
    esac
    kill "-$1" "-$leader" 2>/dev/null || kill "-$1" "$leader" 2>/dev/null
}
