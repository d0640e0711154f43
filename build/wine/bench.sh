#!/usr/bin/env bash
# bench.sh [THREADS [ROUNDS]]: forges a dump and measures the extension inside the real debugger engine, twice: once with
# `!us -k` and once with `!hangwhy` as the first command of the process. Fails where a limit is missed; the limits are meant
# for 5,000 threads. docs/performance.md
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
need_sdk
threads=${1:-5000}
rounds=${2:-5}
output="$root/artifacts/engine"
work=$(mktemp -d)
clean_up() {
    rm -rf "$work"
    WINEPREFIX="$root/artifacts/wine" wineserver -k >/dev/null 2>&1 </dev/null || true
}
trap clean_up EXIT

forge="$root/tests/HangAnalysis.DumpForge"
build_project "$forge/HangAnalysis.DumpForge.csproj"
dotnet run --no-build --project "$forge" -c Release -- "threads-$threads" --layout 10.0.19041 --out "$work" >/dev/null
"$here/engine.sh" --prepare
"$root/build/cross/publish.sh" "$root/tests/HangAnalysis.EngineBenchmarks" "$output"

status=0
dump="Z:$(printf %s "$work/memory.dmp" | tr / '\\')"
for order in '' --hangwhy-first; do
    echo "threads-$threads, first command: $([ -n "$order" ] && echo '!hangwhy' || echo '!us -k')"
    "$here/run.sh" "$output/hangbench.exe" $order "$dump" "$rounds" </dev/null || status=1
    echo
done
exit "$status"
