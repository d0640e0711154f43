#!/bin/sh
# The main job: without arguments, the verdict on the sample; otherwise everything is handed to hangwhy as it is.
set -eu
. "$(dirname "$0")/common.sh"
need_sdk
build_project "$root/src/HangAnalysis.Cli/HangAnalysis.Cli.csproj"
if [ $# -eq 0 ]; then
    set -- "$root/samples/logoff-hang/memory.dmp"
fi
exec dotnet "$root/src/HangAnalysis.Cli/bin/Release/net10.0/hangwhy.dll" "$@"
