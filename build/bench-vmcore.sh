#!/usr/bin/env bash
# bench-vmcore.sh [ROUNDS]: runs the command line, start of the runtime included, on the real vmcores of ../shared where that is
# there, with crash beside it where that and a vmlinux with debuginfo are (CRASH_VMLINUX), and on forged vmcores of 1,000 to
# 50,000 tasks. Prints tables as bench-whole.sh does. Needs 2 GB of disk space below $TMPDIR, and GNU time. docs/performance.md
set -eu
. "$(dirname "$0")/common.sh"
need_sdk
need_packages time=time
rounds=${1:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

forge="$root/tests/HangAnalysis.DumpForge"
build_project "$forge/HangAnalysis.DumpForge.csproj"
build_project "$root/src/HangAnalysis.Cli/HangAnalysis.Cli.csproj"

corpus="$root/../shared/corpus/vmcore"
echo "| vmcore | size | command | CPU time | wall time | peak resident memory |"
echo "|---|---|---|---|---|---|"
for folder in "$corpus"/*/; do
    [ -f "$folder/vmcore" ] || continue
    size=$(($(wc -c <"$folder/vmcore") / 1000000))
    for command in '!hangwhy' '!lt' '!log'; do
        measure "$rounds" "| $(basename "$folder") | $size MB | \`$command\`" "$folder/vmcore" "$command"
    done
    if [ -n "${CRASH_VMLINUX:-}" ] && command -v crash >/dev/null; then
        echo "foreach UN bt" >"$work/commands"
        echo "quit" >>"$work/commands"
        env time -f "| $(basename "$folder") | $size MB | crash, \`foreach UN bt\` | %U+%S s | %e s | %M KB |" \
            crash -s -i "$work/commands" "$CRASH_VMLINUX" "$folder/vmcore" </dev/null >/dev/null
    fi
done

echo
echo "| tasks | vmcore | command | CPU time | wall time | peak resident memory |"
echo "|---|---|---|---|---|---|"
for tasks in 1000 5000 20000 50000; do
    dotnet "$forge/bin/Release/net10.0/HangAnalysis.DumpForge.dll" linux:many-tasks --tasks "$tasks" --out "$work/$tasks" >/dev/null
    vmcore="$work/$tasks/many-tasks.vmcore"
    size=$(($(wc -c <"$vmcore") / 1000000))
    for command in '!hangwhy' '!us' '!lt'; do
        measure "$rounds" "| $tasks | $size MB | \`$command\`" "$vmcore" "$command"
    done
    rm -r "${work:?}/$tasks"
done
