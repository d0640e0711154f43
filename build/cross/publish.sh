#!/usr/bin/env bash
# publish.sh PROJECT OUTDIR: publishes a project for Windows x64 with NativeAOT, linked here on Linux.
# (On Windows: dotnet publish PROJECT -c Release -r win-x64, with Visual Studio's C++ tools.)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
[ $# -eq 2 ] || { echo "usage: build/cross/publish.sh PROJECT OUTDIR" >&2; exit 2; }
need_sdk
need_packages lld-link-19=lld-19 llvm-lib-19=llvm-19 clang-19=clang-19

libraries="$root/artifacts/cross/lib"
stamp=$(cat "$here"/crt/* "$here/packages.csproj" "$0" | sha256sum)

# Builds in a folder of its own and renames it, so that a run that was broken off leaves nothing half done.
make_libraries() {
    local new="$libraries.$$" package file name
    restore_packages "$here/packages.csproj"
    rm -rf "$new"
    mkdir -p "$new"
    package=$(package_folder "$here/packages.csproj" Microsoft.Windows.SDK.CPP.x64)
    # The names are in mixed case, and asked for in lower case.
    for file in "$package"/c/um/x64/*.[Ll]ib "$package"/c/ucrt/x64/*.lib; do
        name=${file##*/}
        ln -sf "$file" "$new/${name,,}"
    done
    for name in runtime dll program; do
        clang-19 --target=x86_64-pc-windows-msvc -std=c++17 -O1 -Wall -Werror -fno-exceptions -mno-stack-arg-probe \
            -c "$here/crt/$name.cpp" -o "$new/$name.obj"
    done
    llvm-lib-19 /nologo "/out:$new/LIBCMT.lib" "$new/runtime.obj" "$new/dll.obj" "$new/program.obj"
    llvm-dlltool-19 -m i386:x86-64 -d "$here/crt/ntdll.def" -l "$new/OLDNAMES.lib"
    llvm-lib-19 /nologo /llvmlibempty "/out:$new/libcpmt.lib"
    printf '%s' "$stamp" >"$new/stamp"
    rm -rf "$libraries"
    mv "$new" "$libraries"
}

[ "$(cat "$libraries/stamp" 2>/dev/null || true)" = "$stamp" ] || make_libraries

export CROSS_LIBRARIES="$libraries"
if ! log=$(PATH="$here:$PATH" dotnet publish "$1" --configuration Release --runtime win-x64 --output "$2" --nologo \
    --verbosity quiet -p:DisableUnsupportedError=true -p:IlcUseEnvironmentalTools=true 2>&1); then
    printf '%s\n' "$log" >&2
    exit 1
fi
