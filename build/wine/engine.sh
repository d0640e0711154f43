#!/usr/bin/env bash
# engine.sh [OPTION...] [DUMP [COMMAND...]]: publishes the extension and its host, and runs commands in the debugger engine.
# Options are hangdbg's (src/HangAnalysis.EngineHost/HostOptions.cs); the dump's folder is the symbol path if none is given.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
need_sdk
output="$root/artifacts/engine"

# is_current FILE SOURCE...: whether no source is newer. Publishing takes half a minute, and is only done again where one is.
is_current() {
    [ -e "$1" ] && [ -z "$(find "${@:2}" -name obj -prune -o -name bin -prune -o -type f -newer "$1" -print -quit)" ]
}

if [ ! -e "$output/hangdbg.exe" ] || ! is_current "$output/HangAnalysis.dll" "$root/src" "$root/build/cross"; then
    "$root/build/cross/publish.sh" "$root/src/HangAnalysis.EngineHost" "$output"
    "$root/build/cross/publish.sh" "$root/src/HangAnalysis.Extension" "$output"
    touch "$output/HangAnalysis.dll"
fi

# For scripts that want the publishing done before they start many runs, and tests that load a second extension.
if [ "${1:-}" = --prepare ]; then
    other="$root/tests/HangAnalysis.OtherExtension"
    if ! is_current "$output/other/OtherExtension.dll" "$other" "$root/src/HangAnalysis.DbgEng" "$root/build/cross"; then
        "$root/build/cross/publish.sh" "$other" "$output/other"
        touch "$output/other/OtherExtension.dll"
    fi
    exit 0
fi

# The root of the file system is drive Z: under Wine.
windows_path() { printf 'Z:%s' "$(realpath "$1" | tr / '\\')"; }

options=(--quiet)
symbols=
while [ $# -gt 0 ] && [[ $1 == --* ]]; do
    case $1 in
        --symbols) symbols=$2; shift 2 ;;
        --extension | --commands) options+=("$1" "$(windows_path "$2")"); shift 2 ;;
        --break-after | --timeout) options+=("$1" "$2"); shift 2 ;;
        *) options+=("$1"); shift ;;
    esac
done
[ $# -gt 0 ] || set -- "$root/samples/logoff-hang/memory.dmp"
dump=$(windows_path "$1")
shift
[ $# -gt 0 ] || set -- '!hangwhy'
exec "$here/run.sh" "$output/hangdbg.exe" "${options[@]}" --symbols "${symbols:-${dump%\\*}}" "$dump" "$@"
