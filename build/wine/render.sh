#!/usr/bin/env bash
# Draws docs/hangwhy-windbg.svg from what the extension prints in the debugger engine for the sample.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
need_sdk
"$here/engine.sh" --dml --echo "$root/samples/logoff-hang/memory.dmp" '!hangwhy' |
    dotnet run "$here/render.cs" -- "$root/docs/hangwhy-windbg.svg"
