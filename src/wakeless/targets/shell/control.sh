# The control program: one question or order about one run folder, on a machine that we reach by a shell only.
# Its values come on stdin, a line each, behind this text; nothing is ever spliced into it.
# The answer begins with the line `wakeless/1`, so that whatever a login shell prints before it does no harm.

# fail KEY TEXT: an answer of a single fact; a text of several lines becomes several lines with that key.
fail() {
    printf 'wakeless/1\n'
    printf '%s\n' "$2" | while IFS= read -r line; do
        printf '%s %s\n' "$1" "$line"
    done
    printf '\n'
    exit 0
}

# Makes sure that $root is ours alone: a name in a folder that everybody may write to could have been taken before us.
open_root() {
    base=
    if [ -z "$root" ]; then
        base=/var/tmp/wakeless-$(id -un)
        root=$base/runs
    fi
    [ "$1" = make ] || [ -d "$root" ] || return 1
    for folder in ${base:+"$base"} "$root"; do
        if [ ! -d "$folder" ]; then
            why=$(mkdir -p -m 700 "$folder" 2>&1) || [ -d "$folder" ] || fail folder "$why"
        fi
        if [ -L "$folder" ] || [ ! -O "$folder" ]; then
            fail refused "$folder belongs to somebody else: remove it, or set another runs_root"
        fi
        case $(ls -ld "$folder") in
        ?????w* | ????????w*) fail refused "others may write to $folder: chmod go-w it, or set another runs_root" ;;
        esac
    done
}

# A folder made in an earlier boot may have begun without a trace that outlived the power loss.
made_in_this_boot() { [ -e "$run/boot-$boot" ]; }

# $runner and $script: yes while that process is alive.
find_alive() {
    runner=no script=no pid=
    made_in_this_boot || return 0
    for again in 1 2 3 4 5 6 7 8 9 10; do
        IFS=' ' read -r pid was then_born <"$run/runner.id"
        [ -z "$pid" ] && [ -e "$run/taken" ] || break
        # It has just begun and is about to write who it is.
        sleep 0.1 || sleep 1
    done
    if [ -n "$pid" ]; then
        find_born "$pid"
        [ -z "$born" ] || [ "$born" != "$then_born" ] || runner=yes
    fi
    IFS=' ' read -r leader then_born <"$run/leader"
    if [ -n "$leader" ] && [ "$leader" != 1 ]; then
        find_born "$leader"
        [ -z "$born" ] || [ "$born" != "$then_born" ] || script=yes
    fi
    if [ "$runner" = no ] && [ "$script" = yes ] && [ ! -e "$run/result" ]; then
        keep_limit
    fi
} 2>/dev/null

# The runner was killed and its script lives on: then the time limit is kept by whoever looks.
keep_limit() {
    {
        read -r line
        read -r line
        read -r limit
    } <"$run/settings"
    IFS='. ' read -r started rest <"$run/started"
    [ -n "$started" ] && [ "$(date +%s)" -gt $((started + ${limit%%.*})) ] && kill_group KILL
}

# $size: bytes in file $1.
find_size() {
    size=0
    [ ! -e "$1" ] || size=$(($(wc -c <"$1")))
}

# look: facts about the run folder, and output from the offsets asked for, as soon as there is news.
look() {
    IFS= read -r from_out
    IFS= read -r from_err
    IFS= read -r most
    IFS= read -r seconds
    until=$(($(date +%s) + seconds))
    pause=0.05
    while :; do
        [ -d "$run" ] || fail absent "no run folder $run"
        find_alive
        ended=no
        [ ! -e "$run/result" ] || ended=yes
        find_size "$run/stdout" && out=$size
        find_size "$run/stderr" && err=$size
        [ "$seconds" -gt 0 ] && [ "$ended" = no ] && [ "$runner$script" != nono ] || break
        [ "$out" -le "$from_out" ] && [ "$err" -le "$from_err" ] && [ "$(date +%s)" -lt "$until" ] || break
        sleep "$pause" 2>/dev/null || sleep 1
        case $pause in
        0.05) pause=0.1 ;;
        0.1) pause=0.2 ;;
        *) pause=0.4 ;;
        esac
    done
    answer
}

# part FILE SIZE FROM: says how many bytes follow for it, at most $most.
part() {
    count=$(($2 - $3))
    [ "$count" -ge 0 ] || count=0
    [ "$count" -le "$most" ] || count=$most
    printf '%s %s %s\n' "$1" "$2" "$count"
}

answer() {
    printf 'wakeless/1\n'
    made_in_this_boot && printf 'boot same\n' || printf 'boot other\n'
    [ ! -e "$run/taken" ] || printf 'taken yes\n'
    printf 'runner %s\nscript %s\n' "$runner" "$script"
    IFS=' ' read -r started rest <"$run/started" 2>/dev/null && printf 'started %s\n' "$started"
    [ ! -e "$run/result" ] || while IFS= read -r line && [ "$line" != end ]; do
        printf 'result %s\n' "$line"
    done <"$run/result"
    part stdout "$out" "$from_out" && count_out=$count
    part stderr "$err" "$from_err" && count_err=$count
    printf '\n'
    [ "$count_out" -eq 0 ] || tail -c "+$((from_out + 1))" "$run/stdout" | head -c "$count_out"
    [ "$count_err" -eq 0 ] || tail -c "+$((from_err + 1))" "$run/stderr" | head -c "$count_err"
}

# start: receives the files, publishes the folder in one step, and launches the runner.
start() {
    IFS= read -r total
    IFS= read -r list
    [ ! -e "$root/.removed/$id" ] || fail absent 'it ended, and its run folder was removed'
    if [ ! -e "$run" ]; then
        new=$root/.new-$id-$(date +%s)-$$
        why=$(mkdir -m 700 "$new" "$new/work" 2>&1) || fail folder "$why"
        receive
        # Durable before the first instruction: after a power loss a folder that is there says "it may have begun",
        # and one that is not there says "it never began".
        sync "$new" "$new/work"
        # If somebody was faster, `mv` puts ours inside theirs, or fails; both leave theirs as it is.
        mv "$new" "$run" 2>/dev/null
        rm -rf "$new" "${run:?}/${new##*/}"
        sync "$root"
    else
        cat >/dev/null
    fi
    if [ -e "$root/.removed/$id" ]; then
        rm -rf "$run"
        fail absent 'it ended, and its run folder was removed'
    fi
    [ -d "$run" ] || fail folder "$run could not be made"
    [ -e "$run/taken" ] || ! made_in_this_boot || launch
    # It was there a moment ago: the script, or somebody else, deleted it.
    [ -d "$run" ] || fail gone 'its run folder is gone'
    runner=unknown script=unknown from_out=0 from_err=0 most=0 out=0 err=0
    [ ! -e "$run/result" ] || { find_size "$run/stdout" && out=$size; find_size "$run/stderr" && err=$size; }
    find_alive
    answer
}

# receive: stdin holds a list of `mode length name` lines, $list bytes long, then those files one behind the other.
receive() {
    why=$({ cat >"$new/payload"; } 2>&1) || spoiled "$why"
    find_size "$new/payload"
    [ "$size" -eq "$total" ] || spoiled "only $size of $total bytes came"
    head -c "$list" "$new/payload" >"$new/list"
    at=$((list + 1))
    while IFS=' ' read -r mode length name; do
        why=$({ tail -c "+$at" "$new/payload" | head -c "$length" >"$new/$name"; } 2>&1) || spoiled "$why"
        find_size "$new/$name"
        [ "$size" -eq "$length" ] || spoiled "$name could not be written"
        chmod "$mode" "$new/$name"
        at=$((at + length))
    done <"$new/list"
    rm -f "$new/payload" "$new/list"
    why=$(mkfifo "$new/control" "$new/news" "$new/stdout.pipe" "$new/stderr.pipe" 2>&1) || spoiled "$why"
    why=$({ : >"$new/boot-$boot"; } 2>&1) || spoiled "$why"
}

spoiled() {
    rm -rf "$new"
    fail folder "$1"
}

# launch: the runner, in a session of its own where that can be had, with nothing of this connection.
launch() {
    cd "$run" || fail folder "$run cannot be entered"
    find_own
    path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    case $(uname -s) in
    Darwin) set -- LANG=en_US.UTF-8 "PATH=$path:/opt/homebrew/bin" ;;
    *) set -- LANG=C.UTF-8 "PATH=$path" ;;
    esac
    set -- "$@" "HOME=${HOME:-/}" "USER=$(id -un)" "LOGNAME=$(id -un)" SHELL=/bin/sh
    [ "$own" != setsid ] || set -- "$@" setsid
    # A background command of a shell without job control ignores INT and QUIT, and so would the script's daemons.
    defaults=
    ! env --default-signal=INT,QUIT true 2>/dev/null || defaults=--default-signal=INT,QUIT
    heard=$(
        [ "$own" != monitor ] || set -m
        printf 'go\n' | env -i $defaults "$@" /bin/sh ./runner 2>/dev/null &
    )
    case $heard in
    failed*) fail folder "${heard#failed }" ;;
    esac
    cd /
}

cancel() {
    if [ -d "$run" ]; then
        : >"$run/cancel"
        printf 'cancel\n' 1<>"$run/control"
        find_alive
        # Nobody is left to ask: the runner was killed, its script lives on.
        [ "$runner" = yes ] || [ "$script" = no ] || [ -e "$run/result" ] || kill_group KILL
    fi
    fail ok ''
}

# remove: the mark first, so that a start that was under way for long cannot begin it anew.
remove() {
    mkdir -p -m 700 "$root/.removed" && mkdir "$root/.removed/$id" 2>/dev/null
    for again in 1 2 3; do
        rm -rf "$run" 2>/dev/null && break
        sleep 1
    done
    find "$root/.removed/." ! -name . -prune -mtime +7 -exec rmdir {} + 2>/dev/null
    find "$root/." ! -name . -prune -name '.new-*' -mtime +1 -exec rm -rf {} + 2>/dev/null
    fail ok ''
}

check() {
    find_own
    printf 'wakeless/1\nsystem %s\nuser %s\nroot %s\nown %s\n\n' "$(uname -s)" "$(id -un)" "$root" "$own"
}

IFS= read -r order
IFS= read -r root
IFS= read -r id
case $id in
*[!a-z0-9-]*) fail refused 'unfit attempt id' ;;
esac
find_boot
case $order in
start | check) open_root make ;;
*) open_root find || fail absent "no run folder: $root is not there" ;;
esac
run=$root/$id
case $order in
start | look | cancel | remove | check) "$order" ;;
esac
