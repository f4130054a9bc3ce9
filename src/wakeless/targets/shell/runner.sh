# The runner: starts the script of one run folder, at most once, keeps its time limit and writes down its end.
# It lives as long as the script, away from whoever started it.  It waits for `go` and, if it is not there yet, the
# run folder's path on stdin, and answers one line: begun, taken, or failed <why>.

IFS=' ' read -r word folder && [ "$word" = go ] || exit 0
exec </dev/null 2>/dev/null

# Shutting down: the script gets its own TERM; we stay to write down how it ended.
trap : HUP INT TERM

answer() {
    printf '%s\n' "$1"
    exit 0
}

# $now: seconds since 1970, with a fraction where the machine's date can.
find_now() {
    now=$(date +%s.%N)
    case $now in
    *[!0-9.]*) now=$(date +%s) ;;
    esac
}

nap() { sleep "$1" || sleep 1; }

# finish STATUS EXIT_CODE DETAIL: the result, in blocks that were written beforehand, so that a full disk cannot
# swallow it, and under its name in one step, so that nobody reads half of it.
finish() {
    find_now
    printf '%s\n%s\n%s\n%s\n%s\nend\n' "$1" "$2" "$now" "${lost:-0 0}" "$3" 1<>result.new
    mv -f result.new result
    sync result
    exit 0
}

# keep NAME: stdin to the file NAME, up to $cap bytes; what comes after is counted and forgotten.
# It outlives the runner when the script left a daemon behind that still writes.
keep() {
    trap '' HUP INT TERM
    printf 'open\n' >&9
    size=0 whole=
    while [ "$size" -lt "$cap" ]; do
        last=$size
        room=$((cap - size))
        if [ "$room" -ge 65536 ]; then
            dd bs=65536 count=$((room / 65536)) >>"$1" || whole=no
        else
            dd bs="$room" count=1 >>"$1" || whole=no
        fi
        size=$(($(wc -c <"$1" || printf 0)))
        [ "$size" -gt "$last" ] || break
    done
    printf '%s %s\n' "$(($(wc -c)))" "$whole" 1<>"$1.lost"
    printf '%s\n' "$1" >&9
}

# Dead processes that nobody reaps, as under the first process of many containers, count as gone.
group_lives() {
    kill_group 0 || return 1
    states=$(ps -A -o pgid= -o stat=) || return 0
    printf '%s\n' "$states" | grep -q "^ *$leader  *[^ Z]"
}

# watch: waits for the script's end, its time limit or a cancellation; kills the group for the last two.
# Exit status 0: the script ended by itself; 1: time limit; 2: cancelled.
watch() {
    case $limit in
    *.*) sleep 0.01 || limit=$((${limit%%.*} + 1)) ;;
    esac
    (
        stop= sleeper=
        # KILL: a sleeper that has not yet become `sleep` would take TERM for us and swallow it.
        trap 'stop=yes; [ -z "$sleeper" ] || kill -9 "$sleeper"' TERM
        sleep "$limit" &
        sleeper=$!
        # Told to stop before it knew whom to wake: then here, otherwise in the trap.
        [ -z "$stop" ] || kill -9 "$sleeper"
        wait "$sleeper"
        [ -n "$stop" ] || printf 'limit\n' >&8
    ) &
    timer=$!
    trap '' HUP INT TERM
    IFS= read -r word <&8
    kill "$timer"
    case $word in
    limit) reason=1 ;;
    cancel) reason=2 ;;
    *) exit 0 ;;
    esac
    leader= tries=0
    until [ -n "$leader" ] || [ "$tries" -ge 100 ]; do
        IFS=' ' read -r leader then_born <leader
        tries=$((tries + 1))
        [ -n "$leader" ] || nap 0.1
    done
    # Only the very process that was written down, never one that has its number now.
    find_born "${leader:-none}"
    [ -n "$born" ] && [ "$born" = "$then_born" ] || exit "$reason"
    kill_group TERM
    ticks=$grace
    while group_lives; do
        if [ "$ticks" -le 0 ]; then
            kill_group KILL
            # What a kernel will not let go of within 5 s is stuck in it.
            [ "$ticks" -gt -50 ] || break
        fi
        nap 0.1
        ticks=$((ticks - 1))
    done
    exit "$reason"
}

cd "${folder:-.}" || answer 'failed the run folder cannot be entered'
{
    IFS= read -r id
    IFS= read -r file
    IFS= read -r limit
    IFS= read -r grace
    IFS= read -r cap
    IFS= read -r kind
    IFS= read -r interpreter
    IFS= read -r argument
    IFS= read -r program
    IFS= read -r missing
    IFS= read -r probe
} <settings || answer 'failed the run folder cannot be read'

find_boot
[ -e "boot-$boot" ] || answer 'failed the machine was restarted before it began'
find_born "$$"

# From here a cancellation reaches us: first the channel, then the look for one that came before.
exec 8<>control 9<>news

# Whoever creates this file runs the script; everybody else leaves.
set -C
if ! { printf '' >taken; }; then
    [ -e taken ] && answer taken
    answer 'failed the run folder cannot be written (disk full?)'
fi
set +C
# Only now is the question safe: a removal leaves its mark before it deletes the folder.
[ ! -e "../.removed/$id" ] || answer 'failed it was removed before it began'
printf '%s %s %s\n' "$$" "$boot" "$born" 1<>runner.id

if [ -e cancel ]; then
    printf 'begun\n'
    finish cancelled '' 'cancelled before it began'
fi

found=
case $kind in
shebang)
    [ -f "$interpreter" ] && [ -x "$interpreter" ] && found=$interpreter
    [ -z "$program" ] || command -v "$program" >/dev/null || found=
    ;;
*)
    for name in $interpreter; do
        [ -n "$found" ] || found=$(command -v "$name")
    done
    ;;
esac
if [ -z "$found" ]; then
    printf 'begun\n'
    finish not_started '' "$missing"
fi
case $kind in
ps1) set -- "$found" -NoLogo -NoProfile -NonInteractive -File "./$file" ;;
*) set -- "$found" ${argument:+"$argument"} "./$file" ;;
esac

find_own
if [ "$own" = none ]; then
    printf 'begun\n'
    finish not_started '' 'the target has no setsid, no perl, and no shell with job control: its time limit could not be kept'
fi
case $own in
setsid) set -- "$(command -v setsid)" "$@" ;;
perl) set -- "$(command -v perl)" -e 'setpgrp(0, 0); exec {$ARGV[0]} @ARGV or exit 127' "$@" ;;
esac

set -- "$probe" "$@"

printf 'begun\n'
exec >/dev/null

{
    keep stdout <stdout.pipe &
    keep stderr <stderr.pipe &
    find_now
    printf '%s\n' "$now" 1<>started
    watch
} &
watcher=$!
# Held open until both readers are there, so that the script need not wait for them.
exec 6<>stdout.pipe 7<>stderr.pipe

# In the foreground: a background command would start with INT and QUIT ignored, and so would its daemons.
[ "$own" != monitor ] || set -m
(
    if [ -r /proc/self/stat ]; then
        IFS= read -r line </proc/self/stat
        self=${line%% *}
    else
        self=$(exec sh -c 'printf %s "$PPID"')
    fi
    find_born "$self"
    printf '%s %s\n' "$self" "$born" 1<>leader
    cd work || exit 127
    exec 6>&- 7>&- 8>&- 9>&-
    unset OLDPWD
    . ../environment
    WAKELESS_RUN_DIR=$PWD
    export WAKELESS_RUN_DIR
    umask 022
    # More than a kernel takes is found out by trying: some shells leave no trace of an exec that failed.
    [ "$1" = no ] || /bin/sh -c : || {
        : >../unexecuted
        exit 126
    }
    shift
    exec "$@"
) >stdout.pipe 2>stderr.pipe
code=$?
set +m

printf 'ended\n' >&8
wait "$watcher"
reason=$?

# The rest of the output: until both ends are closed, or, with a daemon left behind that holds them, for a second.
remind() {
    (
        exec 6>&- 7>&-
        sleep 1
        printf 'late\n' >&9
    ) &
}
remind
open=0 rest=2 late=0
while [ "$rest" -gt 0 ] && IFS= read -r word <&9; do
    case $word in
    open) open=$((open + 1)) && [ "$open" -lt 2 ] || exec 6>&- 7>&- ;;
    late) late=$((late + 1)) && [ "$open" -lt 2 ] && [ "$late" -lt 30 ] && remind || rest=0 ;;
    *) rest=$((rest - 1)) ;;
    esac
done
kill "$!"
IFS=' ' read -r out whole_out <stdout.lost
IFS=' ' read -r err whole_err <stderr.lost
lost="${out:-0} ${err:-0} $whole_out$whole_err"

case $reason in
1) finish timed_out "$code" '' ;;
2) finish cancelled "$code" '' ;;
esac
[ ! -e unexecuted ] || finish not_started "$code" 'its interpreter could not be executed'
finish exited "$code" ''
