#!/usr/bin/env bash
# All tests. Installs what the tests compare with where it may (Debian, root); the last line is
# "N passed, N failed, N skipped".
set -u
. "$(dirname "$0")/common.sh"
need_sdk

# clang, lld and llvm-pdbutil make and read PDBs and images independently of this project; tmux is the terminal in which
# the prompt is tried. Tests that need them are skipped, with a message, where they are absent.
if ! command -v llvm-pdbutil-19 >/dev/null 2>&1 || ! command -v clang-19 >/dev/null 2>&1 \
    || ! command -v lld-link-19 >/dev/null 2>&1 || ! command -v tmux >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing llvm-19, clang-19, lld-19 and tmux ..."
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            llvm-19 clang-19 lld-19 tmux; } >/dev/null 2>&1 || echo "They could not be installed; the tests that need them are skipped."
    else
        echo "Not all installed: llvm-19, clang-19, lld-19, tmux (Debian packages). The tests that need them are skipped."
    fi
fi

# The engine tests run the published extension; publishing must not race with the build below.
if [ "$(uname -s)" = Linux ]; then
    echo "Publishing the extension for the debugger engine ..."
    if ! "$root/build/wine/engine.sh" --prepare; then
        # In continuous integration the tests inside the engine are not optional.
        case ${CI:-} in true | 1)
            echo "FAILED: build/wine/engine.sh --prepare, which publishes what the engine loads. CI is set, so no test was run."
            echo "0 passed, 1 failed, 0 skipped"
            exit 1
            ;;
        esac
        echo "It could not be published; the tests inside the debugger engine are skipped."
    fi
fi

results=$(mktemp)

# No Wine server is left behind: it would keep whoever waits for our output waiting.
clean_up() {
    rm -f "$results"
    if [ -d "$root/artifacts/wine" ] && command -v wineserver >/dev/null 2>&1; then
        WINEPREFIX="$root/artifacts/wine" wineserver -k >/dev/null 2>&1 </dev/null || true
    fi
}
trap clean_up EXIT
dotnet test "$root/HangAnalysis.sln" --configuration Release --nologo --verbosity quiet \
    --logger "console;verbosity=minimal" 2>&1 | tee "$results"
status=${PIPESTATUS[0]}

# One summary line a test assembly: "Passed!  - Failed:     0, Passed:   120, Skipped:     3, Total: ...".
read -r passed failed skipped <<EOF
$(sed -n 's/.*Failed: *\([0-9]*\), Passed: *\([0-9]*\), Skipped: *\([0-9]*\), Total.*/\2 \1 \3/p' "$results" |
    awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }')
EOF
if [ "$((passed + failed))" -eq 0 ] && [ "$status" -eq 0 ]; then
    status=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
