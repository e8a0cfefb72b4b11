#!/usr/bin/env bash
# Builds bonebox for the box's hardware (aarch64) on a Debian 12 PC, and starts
# it under an emulator together with the aarch64 ONNX Runtime. Uses Debian's own
# cross tools and its Rust for browsers (rustc-web), which has an aarch64
# standard library; a private package state under target/arm64 leaves the
# machine's alone. Only the C cross compiler is installed, as root.
# The result links against glibc 2.34 or newer: Ubuntu 22.04, JetPack 6.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=setup/lib.sh
. setup/lib.sh
one_at_a_time
need_rust

here=$PWD/target/arm64
triple=aarch64-unknown-linux-gnu
prefix=/usr/aarch64-linux-gnu
private_apt=(-q -o "Dir::State::lists=$here/apt/lists" -o "Dir::Cache=$here/apt/cache"
    -o "Dir::Etc::sourcelist=$here/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "APT::Default-Release=/^bookworm/" -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o "APT::Sandbox::User=$(id -un)")

# On the box itself there is nothing to cross: build and start.
if [ "$(uname -m)" = aarch64 ]; then
    onnxruntime aarch64 "$kept/onnxruntime"
    cargo build --locked --bin bonebox
    exec target/debug/bonebox --version
fi
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
[ "$(uname -m) $codename" = "x86_64 bookworm" ] ||
    stop "this recipe is for Debian 12 (bookworm) on x86_64; here is $codename on $(uname -m)." \
        "Elsewhere: rustup target add $triple, an aarch64 C compiler, and the variables at the end of setup/arm64.sh."

cross_compiler() {
    local missing
    mapfile -t missing < <(missing_packages aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu)
    [ -e $prefix/include/stdlib.h ] || missing+=(libc6-dev-arm64-cross)
    [ -e $prefix/lib/libstdc++.so.6 ] || missing+=(libstdc++6-arm64-cross)
    install_packages "${missing[@]}"
}

# The machine's own Debian sources, and the same mirror's trixie for an emulator
# that can load ONNX Runtime (that of bookworm, 7.2, crashes).
private_lists() {
    mkdir -p "$here/apt/lists/partial" "$here/apt/cache/archives/partial"
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg signed=
    [ ! -e $keys ] || signed="[signed-by=$keys] "
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v signed="$signed" '$2 ~ /^bookworm/ && $3 == "main" {
            print "deb " signed $0
            if ($2 == "bookworm") print "deb " signed $1 " trixie " $3
        }' >"$here/apt/sources.list"
    [ -s "$here/apt/sources.list" ] || stop "apt knows no Debian 12 source on this machine."
    apt-get "${private_apt[@]}" update >"$here/apt/log" 2>&1 ||
        stop "the package lists could not be read: $(tail -2 "$here/apt/log")"
}

# unpack FOLDER PACKAGE...: fetches packages and unpacks them, installing nothing.
unpack() {
    local folder=$1 work
    shift
    work=$(mktemp -d "$here/work.XXXXXX")
    (cd "$work" && apt-get "${private_apt[@]}" download "$@") >>"$here/apt/log" 2>&1 ||
        stop "could not fetch: $*" "$(tail -3 "$here/apt/log")"
    mkdir -p "$folder"
    local package
    for package in "$work"/*.deb; do
        dpkg -x "$package" "$folder"
    done
    rm -rf "$work"
}

# depends PACKAGE=VERSION PATTERN: the first dependency that looks so.
depends() { apt-cache "${private_apt[@]}" show "$1" | awk -v like="$2" '/^Depends:/ && match($0, like) && !found++ { print substr($0, RSTART, RLENGTH) }'; }

# Debian's compiler, unpacked and not installed, finds its libraries by this.
wrapper() {
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
        "$here/rust/usr/lib/x86_64-linux-gnu" "$here/rust/usr/bin/rustc" >"$here/rustc"
    chmod +x "$here/rustc"
}

toolchain() {
    [ -e "$here/rust.done" ] && [ -e "$here/qemu.done" ] && return 0
    say "fetching Debian's Rust with an aarch64 standard library and an emulator: 23 + 126 + 71 MB, 900 MB unpacked, 2 minutes."
    private_lists
    local version library llvm
    version=$(apt-cache "${private_apt[@]}" policy rustc-web | sed -n 's/^ *Candidate: //p')
    library=$(depends "libstd-rust-web-dev=$version" 'libstd-rust-web-[0-9.]*[0-9]')
    llvm=$(depends "$library=$version" 'libllvm[0-9]*')
    rm -rf "$here/rust" "$here/qemu"
    unpack "$here/rust" "rustc-web=$version" "$library:amd64=$version" "$llvm:amd64" \
        "libstd-rust-web-dev:amd64=$version" "libstd-rust-web-dev:arm64=$version"
    wrapper
    "$here/rustc" --version >/dev/null || stop "Debian's rustc-web $version does not start here."
    echo "$version" >"$here/rust.done"
    unpack "$here/qemu" qemu-user/trixie
    touch "$here/qemu.done"
    rm -rf "$here/apt/cache" "$here/apt/lists"
}

cross_compiler
toolchain
onnxruntime aarch64 "$here/onnxruntime"

emulator="$here/qemu/usr/bin/qemu-aarch64 -L $prefix"
say "building for $triple with $("$here/rustc" --version) (about 4 minutes the first time, 1.5 GB)."
export RUSTC="$here/rustc"
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$emulator"
cargo build --locked --bin bonebox --target $triple --target-dir "$here/build"

binary=$here/build/$triple/debug/bonebox
needs=$(aarch64-linux-gnu-objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
say "built $binary ($(du -h "$binary" | cut -f1), needs $needs or newer)."
[ "$(printf '%s\n' GLIBC_2.35 "$needs" | sort -V | tail -1)" = GLIBC_2.35 ] ||
    stop "it needs $needs: newer than the box's system has (2.35)."
$emulator "$binary" --version

say "loading the wrist model in it with the aarch64 ONNX Runtime (its golden answers are checked)."
cat >"$here/box.toml" <<EOT
[inference]
onnxruntime_lib = "$here/onnxruntime/$onnxruntime_name"
models = "$PWD/models"
EOT
$emulator "$binary" check-config --config "$here/box.toml" --probe-inference

say "running the tests of inference with the aarch64 ONNX Runtime under the emulator."
BONEBOX_ONNXRUNTIME=$here/onnxruntime/$onnxruntime_name \
    cargo test --locked --test box --target $triple --target-dir "$here/build" -- inference::
