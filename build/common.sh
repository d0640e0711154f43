# Shared by the scripts of this folder: finds the .NET SDK, or says how to get it. Sourced, not run.
root=$(cd "$(dirname "$0")/.." && pwd)

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
