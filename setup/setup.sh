#!/usr/bin/env bash
# setup.sh demo|test|lint|train: brings what that target of the Makefile lacks
# on a fresh Debian 12 that has git, make, Rust and Python. Says what it
# will fetch before it does, keeps it under target/setup, and is quick when
# nothing is missing. Only Debian packages need root. None of them starts a
# service or takes a port.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=setup/lib.sh
. setup/lib.sh
one_at_a_time

compiler() {
    compiles_c || install_packages gcc libc6-dev
    [ -e target/debug/bonebox ] ||
        say "nothing is built yet: cargo will fetch and compile about 350 packages, 5 to 15 minutes and 2 GB under target/."
}

demo() {
    need_rust
    compiler
    onnxruntime "$(uname -m)" "$kept/onnxruntime"
    radiographs
}

tests() {
    demo
    # dcmtk: C-STORE and C-ECHO by another hand; dicom3tools: judges our objects; gdcm reads them;
    # ccx: solves our decks by another hand; curl: another program's TLS and HTTP;
    # the others make the small file system of the full-disk test.
    local missing
    mapfile -t missing < <(missing_packages storescu=dcmtk echoscu=dcmtk dcmdump=dcmtk dciodvfy=dicom3tools gdcminfo=libgdcm-tools \
        ccx=calculix-ccx curl=curl mkfs.ext4=e2fsprogs mount=mount)
    # The power cuts of the long tests: a disk of our own, by FUSE.
    [ -z "${BONEBOX_TEST_LONG:-}" ] || /usr/bin/python3 -c 'import fusepy' 2>/dev/null ||
        missing+=(python3 python3-fusepy)
    install_packages "${missing[@]}"
    more_images
    test_peers
}

lint() {
    need_rust
    compiler
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
        stop "rustfmt or clippy is missing: they come with Rust's components rustfmt and clippy" \
            "(rustup component add rustfmt clippy)."
    local missing
    mapfile -t missing < <(missing_packages systemd-analyze=systemd)
    install_packages "${missing[@]}"
}

train() {
    need_rust
    compiler
    # Debian's PyTorch, for the processor; training uses Debian's own Python.
    /usr/bin/python3 -c 'import numpy, torch' 2>/dev/null ||
        install_packages python3-torch python3-numpy libopenblas0-pthread
}

case "${1:-}" in
demo) demo ;;
test) tests ;;
lint) lint ;;
train) train ;;
*) stop "say which: setup.sh demo|test|lint|train" ;;
esac
