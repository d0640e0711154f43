#!/usr/bin/env bash
# Publishes the extension and makes what is installed of it: artifacts/HangAnalysis-VERSION.zip.
set -eu
. "$(dirname "$0")/common.sh"
need_sdk
"$root/build/publish.sh"
exec dotnet run "$root/build/package.cs" -- "$root"
