#!/usr/bin/env bash
# Runs the benches one by one, so that they do not disturb each other.
set -euo pipefail
cd "$(dirname "$0")/.."
shopt -s nullglob
benches=(benches/*.rs)
if [ ${#benches[@]} = 0 ]; then
    echo "bench: benches/ is empty: no promise about time or memory is measured yet." >&2
    exit 3
fi
setup/bench-peers.sh
for bench in "${benches[@]}"; do
    cargo bench --locked --bench "$(basename "$bench" .rs)"
done
