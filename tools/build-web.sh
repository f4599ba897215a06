#!/usr/bin/env bash
# Builds the site into dist/ with Trunk (Trunk.toml and index.html say how) and checks that it stayed small.
# `./x build` calls this with trunk, wasm-bindgen and wasm-opt on the PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A folder of its own: cargo locks its folder while it builds, and neither build should wait for the other.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/web
export CARGO_TERM_PROGRESS_WHEN=${CARGO_TERM_PROGRESS_WHEN:-auto}
trunk build "$@"

# What a first visit costs over the wire. The limits are promises of the README.
gzipped() { cat "$@" | gzip -9 | wc -c; }
report() {
    local name=$1 limit=$2 bytes
    shift 2
    bytes=$(gzipped "$@")
    printf '%-12s %8d bytes after gzip, limit %d\n' "$name" "$bytes" "$limit"
    [ "$bytes" -le "$limit" ] || { echo "build-web: the $name has outgrown its limit" >&2; exit 1; }
}
report page 500000 dist/index.html dist/style-*.css dist/page-*.js dist/page-*_bg.wasm
# A browser fetches one of the two engines: with relaxed SIMD, or plain.
for kind in "" -plain; do
    report "engine$kind" 4500000 dist/engine-*.js dist/engine-????????????????"$kind"_bg.wasm
done
