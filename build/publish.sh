#!/usr/bin/env bash
# Publishes the extension: artifacts/extension/amd64/HangAnalysis.dll. (For ARM64 it is published on Windows.)
set -eu
. "$(dirname "$0")/common.sh"
rm -rf "$root/artifacts/extension"
exec "$root/build/cross/publish.sh" "$root/src/HangAnalysis.Extension" "$root/artifacts/extension/amd64"
