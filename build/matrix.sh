#!/usr/bin/env bash
# Everything with everything, which the tests of each commit do in parts: every scenario on every kernel layout (and writes
# docs/matrix.md from that), every scenario in disorder, and 10,000 seeded mutations. Takes some minutes.
set -eu
. "$(dirname "$0")/common.sh"
need_sdk
run() {
    dotnet test "$root/tests/HangAnalysis.Tests" --configuration Release --nologo --verbosity quiet \
        --logger "console;verbosity=minimal" "$@"
}
HANGANALYSIS_MATRIX=all run --filter "FullyQualifiedName~Matrix"
run --no-build --filter "FullyQualifiedName~The_table_lists"
