#!/usr/bin/env bash
# run.sh EXE ARGS...: runs a program for Windows x64 under Wine, with Microsoft's debugger engine beside it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
[ $# -ge 1 ] || { echo "usage: build/wine/run.sh EXE ARGS..." >&2; exit 2; }
need_sdk
need_packages wine=wine

export WINEPREFIX="$root/artifacts/wine" WINEDEBUG=${WINEDEBUG:--all}
# Without "n" Wine's own, nearly empty dbgeng.dll would be loaded. winedbg must not start where a program fails.
export WINEDLLOVERRIDES="dbgeng,dbghelp,dbgcore,dbgmodel,msdia140=n;winedbg.exe=d;mscoree,mshtml="

folder=$(cd "$(dirname "$1")" && pwd)
if [ ! -e "$folder/dbgeng.dll" ]; then
    restore_packages "$here/packages.csproj"
    engine=$(package_folder "$here/packages.csproj" Microsoft.Debugging.Platform.DbgEng)
    for library in dbgeng dbghelp dbgcore dbgmodel msdia140; do
        ln -sf "$engine/content/amd64/$library.dll" "$folder/$library.dll"
    done
fi

# Wine talks of its missing 32-bit part on standard error; -i makes the prefix without asking for anything.
if [ ! -e "$WINEPREFIX/system.reg" ]; then
    mkdir -p "$WINEPREFIX"
    wineboot -i >/dev/null 2>&1
    wineserver -w
fi
# A program that finds a server running starts two seconds sooner. The server ends by itself after ten idle minutes. Wine's
# services start with the first program and keep its output open for as long: whoever reads it to its end would wait for them.
if wineserver -p600 </dev/null >/dev/null 2>&1; then
    wine cmd /c exit </dev/null >/dev/null 2>&1 || true
fi
exec wine "$@" 2> >(grep -v -E 'wine32|multiarch|dpkg --add|apt-get install' >&2 || true)
