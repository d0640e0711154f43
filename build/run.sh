#!/bin/sh
# The main job: without arguments, the verdict on the sample; otherwise everything is handed to hangwhy as it is.
# With --engine dbgeng first, the same commands run inside Microsoft's debugger engine (under Wine), as the extension does.
set -eu
. "$(dirname "$0")/common.sh"
need_sdk
if [ "${1:-}" = --engine ] && [ "${2:-}" = dbgeng ]; then
    shift 2
    exec "$root/build/wine/engine.sh" "$@"
fi
build_project "$root/src/HangAnalysis.Cli/HangAnalysis.Cli.csproj"
if [ $# -eq 0 ]; then
    set -- "$root/samples/logoff-hang/memory.dmp"
fi
exec dotnet "$root/src/HangAnalysis.Cli/bin/Release/net10.0/hangwhy.dll" "$@"
