# Shared by the scripts of this folder: finds the .NET SDK, or says how to get it. Sourced, not run.
root=$(cd "$(dirname "$0")" && until [ -e HangAnalysis.sln ] || [ "$PWD" = / ]; do cd ..; done && pwd)

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1

need_sdk() {
    if ! command -v dotnet >/dev/null 2>&1; then
        for candidate in "${DOTNET_ROOT:-}" "$HOME/.dotnet" /usr/share/dotnet /usr/lib/dotnet; do
            if [ -n "$candidate" ] && [ -x "$candidate/dotnet" ]; then
                PATH="$candidate:$PATH"
                break
            fi
        done
    fi
    if ! command -v dotnet >/dev/null 2>&1 || ! dotnet --list-sdks | grep -q '^10\.'; then
        echo "The .NET SDK 10 is missing. Install it from https://dotnet.microsoft.com/download/dotnet/10.0" >&2
        echo "(or with your package manager: dotnet-sdk-10.0) and run this script again." >&2
        exit 1
    fi
}

# Builds a project; prints what the compiler says only if it fails. A build that is up to date takes a second or two.
build_project() {
    if [ -t 2 ] && [ ! -d "$(dirname "$1")/bin/Release" ]; then
        echo "Building, once ..." >&2
    fi
    if ! log=$(dotnet build "$1" --configuration Release --nologo --verbosity quiet 2>&1); then
        printf '%s\n' "$log" >&2
        exit 1
    fi
}

# The tools for Windows binaries on Linux.

# need_packages COMMAND=PACKAGE...: installs Debian packages whose command is missing, or says which are needed.
need_packages() {
    missing=
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null 2>&1 || missing="$missing ${pair#*=}"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "Not installed:$missing (Debian packages). Install them and run this script again." >&2
        exit 1
    fi
    echo "Installing$missing ..." >&2
    if ! log=$(apt-get update -qq 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        $missing 2>&1); then
        printf '%s\n' "$log" >&2
        exit 1
    fi
}

# restore_packages PROJECT: downloads a project's packages into NuGet's cache.
restore_packages() {
    if ! log=$(dotnet restore "$1" --nologo --verbosity quiet 2>&1); then
        printf '%s\n' "$log" >&2
        exit 1
    fi
}

# package_folder PROJECT NAME: where NuGet's cache holds a package in the version that a project asks for.
package_folder() {
    version=$(sed -n "s/.*Include=\"$2\" Version=\"\[\(.*\)\]\".*/\1/p" "$1")
    cache=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: *//')
    printf '%s%s/%s' "$cache" "$(printf %s "$2" | tr '[:upper:]' '[:lower:]')" "$version"
}

# measure ROUNDS HEAD ARGUMENT...: runs the command line so often and prints a row of a table: HEAD, the shortest CPU and wall times,
# the largest peak resident memory.
measure() {
    local rounds=$1 head=$2 times
    shift 2
    times=$(mktemp)
    for _ in $(seq "$rounds"); do
        env time -f '%U %S %e %M' -a -o "$times" dotnet "$root/src/HangAnalysis.Cli/bin/Release/net10.0/hangwhy.dll" "$@" >/dev/null
    done
    awk -v head="$head" '
        { cpu = $1 + $2 }
        NR == 1 || cpu < least { least = cpu }
        NR == 1 || $3 < wall { wall = $3 }
        $4 > memory { memory = $4 }
        END { printf "%s | %.2f s | %.2f s | %.0f MB |\n", head, least, wall, memory / 1000 }' "$times"
    rm "$times"
}
