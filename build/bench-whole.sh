#!/usr/bin/env bash
# bench-whole.sh [ROUNDS [COMMAND...]]: forges dumps of 1,000 to 50,000 threads and runs the command line on each, start of the
# runtime included. Prints a table: the shortest wall and CPU times and the largest peak resident memory of ROUNDS (3) runs.
# Needs 1.3 GB of disk space below $TMPDIR, and GNU time. docs/performance.md
set -eu
. "$(dirname "$0")/common.sh"
need_sdk
need_packages time=time
rounds=${1:-3}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- '!hangwhy' '!us -k' '!us -k /q'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

forge="$root/tests/HangAnalysis.DumpForge"
cli="$root/src/HangAnalysis.Cli"
build_project "$forge/HangAnalysis.DumpForge.csproj"
build_project "$cli/HangAnalysis.Cli.csproj"

echo "| threads | dump | command | CPU time | wall time | peak resident memory |"
echo "|---|---|---|---|---|---|"
for threads in 1000 5000 20000 50000; do
    folder="$work/$threads"
    dotnet "$forge/bin/Release/net10.0/HangAnalysis.DumpForge.dll" "threads-$threads" --layout 10.0.19041 --out "$folder" >/dev/null
    size=$(($(wc -c <"$folder/memory.dmp") / 1000000))
    for command; do
        measure "$rounds" "| $threads | $size MB | \`$command\`" "$folder/memory.dmp" "$command"
    done
    rm -r "$folder"
done
