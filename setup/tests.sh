#!/usr/bin/env bash
# Runs every test, by cargo-nextest where it is installed (each test in a
# process of its own, and a closing line that counts them), else by cargo.
# BONEBOX_TEST_LONG=1 asks the tests for long histories. Arguments choose tests.
# The feature test-hooks lets the leak tests switch de-identification off, to see
# that their search would find what is left; release builds refuse it.
set -euo pipefail
cd "$(dirname "$0")/.."

if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --locked --features test-hooks "$@"
fi
echo "tests: cargo-nextest is not installed; plain cargo runs the same tests one binary after the other." >&2
echo "tests: to have it: cargo install --locked cargo-nextest (about 10 minutes)." >&2
exec cargo test --locked --features test-hooks --no-fail-fast "$@"
