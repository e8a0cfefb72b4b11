#!/usr/bin/env bash
# fuzz.sh [SECONDS]: builds the fuzz targets with coverage and runs each for that
# long (60). Stable Rust and a C++ compiler are enough; cargo-fuzz works too. An
# input that breaks something is saved under fuzz/finds: add it to the
# repository, the tests replay what lies there.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
host=$(rustc -vV | sed -n 's/^host: //p')
coverage=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Cdebug-assertions -Coverflow-checks)
RUSTFLAGS="${coverage[*]}" CARGO_PROFILE_DEV_OPT_LEVEL=1 \
    cargo build --manifest-path fuzz/Cargo.toml --bins --target "$host"
for target in pdu command scanner data_set; do
    mkdir -p "fuzz/corpus/$target"
    # A lying length must not make it allocate: 64 MB at once is a find.
    "fuzz/target/$host/debug/$target" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
        -malloc_limit_mb=64 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="fuzz/finds/$target/" \
        "fuzz/corpus/$target" "fuzz/seeds/$target" "fuzz/finds/$target"
done
