#!/usr/bin/env bash
# What `make lint` checks beside format and clippy: crates that must be absent,
# the rules of the house, the systemd units, the scripts themselves. Runs all
# checks and then says how many failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0

check() {
    local title=$1
    shift
    if "$@"; then
        echo "lint: $title: ok"
    else
        echo "lint: $title: FAILED" >&2
        failed=$((failed + 1))
    fi
}

# One crypto provider: neither of these may be built, for either machine.
absent() {
    local found
    found=$(cargo tree --locked --edges normal,build,dev --invert "$1" \
        --target x86_64-unknown-linux-gnu --target aarch64-unknown-linux-gnu 2>&1)
    case "$found" in
    *"did not match any packages"* | "warning: nothing to print."*) return 0 ;;
    *) echo "$found" >&2; return 1 ;;
    esac
}

house() {
    mkdir -p target/setup &&
        rustc --edition 2024 --test tests/house.rs -o target/setup/house &&
        target/setup/house --quiet
}

scripts() {
    local script
    for script in setup/*.sh .ci/run systemd/*.sh training/*.sh; do
        [ -e "$script" ] || continue
        bash -n "$script" || return 1
    done
    if command -v shellcheck >/dev/null; then
        shellcheck --severity=warning setup/*.sh .ci/run
    fi
}

check "aws-lc-rs is absent" absent aws-lc-rs
check "openssl-sys is absent" absent openssl-sys
check "the house's rules" house
check "scripts" scripts
check "systemd units" setup/units.sh

[ "$failed" = 0 ] || { echo "lint: $failed checks failed" >&2; exit 1; }
