#!/usr/bin/env bash
# check.sh [SCENARIO...]: forges dumps, and compares what the commands print inside the real debugger engine with what the
# command line prints for the same dump. They have to be the same to the byte.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
need_sdk
[ $# -gt 0 ] || set -- logoff-hang mutant-deadlock server-silent hostile-names crash-triage
forge="$root/tests/HangAnalysis.DumpForge"
build_project "$forge/HangAnalysis.DumpForge.csproj"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compared=0
different=0
for scenario in "$@"; do
    dotnet run --no-build --project "$forge" -c Release -- "$scenario" --layout 10.0.14393 --out "$work/$scenario" >/dev/null || exit 1
    for command in '!hangwhy' '!us -k' '!us -cpu /json' '!us /q -k' '!lpcchain' '!mods'; do
        "$root/build/run.sh" "$work/$scenario/memory.dmp" "$command" >"$work/expected" 2>&1
        "$here/engine.sh" "$work/$scenario/memory.dmp" "$command" >"$work/found" 2>&1
        # In a small dump the engine names the kernel by the file that it was linked as.
        sed -i 's/ntkrnlmp\.exe/ntoskrnl.exe/' "$work/found"
        compared=$((compared + 1))
        if ! cmp -s "$work/expected" "$work/found"; then
            different=$((different + 1))
            echo "$scenario: $command"
            diff "$work/expected" "$work/found" | head -20
        fi
    done
done
echo "$compared compared, $different different"
[ "$different" -eq 0 ]
