#!/bin/bash
# Holds what hangwhy says of vmcores that make.sh made against what the machine said was the truth.
#   check.sh [FOLDER...]     folders of make.sh; all in out/ if none is told. HANGWHY: the program, if it is not on the path
# Prints a line for each difference and one for each folder; fails if there is a difference.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
hangwhy=${HANGWHY:-hangwhy}
[ $# -gt 0 ] || set -- "$here"/out/*/
bad=0

# field NAME LINE: the value of NAME=VALUE in a line
field() { sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p" <<< "$2"; }

# differ WHAT: tells a difference
differ() {
    echo "    $1"
    different=$((different + 1))
}

# thread_of PID: the address of a task, by which threads of one process are told apart
thread_of() { $hangwhy "$folder/vmcore" "!why $1" --no-color 2>&1 | grep -oE -m 1 'thread f[0-9a-f]{15}' | head -1 | cut -d' ' -f2; }

# The steps right below the waiting task, before the next task begins: its own wait, and the owner of that.
check_wait() {
    local line=$1 waiter kind lock owner sure why own
    waiter=$(field waiter "$line") kind=$(field kind "$line" | tr '_' ' ') lock=$(field lock "$line") owner=$(field owner "$line")
    sure=$(field sure "$line")
    case $kind in 'percpu rw semaphore' | 'rw semaphore' | 'rt mutex') kind=${kind// /_} ;; esac
    why=$($hangwhy "$folder/vmcore" "!why $waiter" --no-color 2>&1)
    grep -qF -- "$kind" <<< "$why" || differ "$waiter: no $kind in: $(head -1 <<< "$why")"
    [ -z "${lock//0/}" ] || grep -qiF -- "${lock##*(0)}" <<< "$why" || grep -qi -- "${lock#"${lock%%[!0]*}"}" <<< "$why" \
        || differ "$waiter: not the address $lock"
    own=$(grep -E '(task|by) .* [0-9]+ ' <<< "$why" | grep -vE "^ +[└├].*thread |^WHY" | head -1)
    if [ "$owner" = 0 ]; then
        [ "$sure" = - ] || tr -s '\n ' ' ' <<< "$why" | grep -qE -- "$kind\\b[^└]* $sure\\b" || differ "$waiter: $kind is not $sure"
        [ "$sure" != - ] || [ -z "$own" ] || differ "$waiter: nobody is recorded, yet:$own"
    elif ! tr -s '\n ' ' ' <<< "$why" | grep -qE "\\b($owner|$(thread_of "$owner"))\\b[^└]* $sure\\b"; then
        differ "$waiter: $owner must act, $sure, but: ${own:-nobody is named}"
    fi
}

check_crash() {
    local line=$1 crash said
    crash=$(field crash "$line")
    said=$($hangwhy "$folder/vmcore" '!crashwhy' --no-color 2>&1)
    grep -qi -- "$crash" <<< "$said" || differ "no $crash in: $(head -2 <<< "$said" | tr '\n' ' ')"
    for name in function module pid; do
        local value=$(field $name "$line")
        [ -z "$value" ] || grep -qw -- "$value" <<< "$said" || differ "no $name $value in what is said of the crash"
    done
}

for folder in "$@"; do
    [ -f "$folder/vmcore" ] || continue
    different=0 checked=0
    while read -r line; do
        case $line in
            *crash=*) check_crash "$line" ;;
            *) check_wait "$line" ;;
        esac
        checked=$((checked + 1))
    done < <(grep '^TRUTH' "$folder/NOTES")
    echo "$folder: $(head -1 "$folder/NOTES"): $checked checked, $different different"
    bad=$((bad + different))
done
[ $bad -eq 0 ]
