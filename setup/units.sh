#!/usr/bin/env bash
# Checks systemd/: each unit verifies without a word and is exposed by at most
# 2.0 (systemd-analyze security), the worker on an accelerator too. Verified in
# a small root of its own, so that nothing needs to be installed here.
set -euo pipefail
cd "$(dirname "$0")/.."
at_most=20 # tenths

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/usr/bin" "$root/etc/systemd/system" "$root/usr/lib/systemd" "$root/usr/share/doc/bonebox"
ln -s usr/lib "$root/lib"
system=/usr/lib/systemd/system
[ -d "$system" ] || system=/lib/systemd/system
cp -r "$system" "$root/usr/lib/systemd/system"
install -m 755 /dev/null "$root/usr/bin/bonebox"
cp README.md "$root/usr/share/doc/bonebox/"
cp systemd/*.service "$root/etc/systemd/system/"

failed=0
for unit in systemd/*.service; do
    name=$(basename "$unit")
    # Only what is said of our units counts; others belong to the machine.
    complaints=$(systemd-analyze verify --man=no --recursive-errors=one --root="$root" "$name" 2>&1 | grep -F bonebox || true)
    if [ -n "$complaints" ]; then
        printf '%s\n' "$complaints" >&2
        failed=1
    fi
done

exposed() {
    local answer
    if answer=$(systemd-analyze security --no-pager --offline=true --threshold=$at_most "$1" 2>&1); then
        grep -F 'Overall exposure' <<<"$answer" | grep -o 'for .*'
    else
        printf '%s\n' "$answer" >&2
        failed=1
    fi
}
for unit in systemd/*.service; do
    exposed "$unit"
done
# The drop-in appended is the same unit to systemd: later lines win.
mkdir "$root/gpu"
cat systemd/bonebox-worker.service systemd/gpu.conf >"$root/gpu/bonebox-worker-gpu.service"
exposed "$root/gpu/bonebox-worker-gpu.service"

# User and folders, as far as root may make them in the small root.
if [ "$(id -u)" = 0 ]; then
    install -D -m 644 systemd/bonebox.sysusers "$root/usr/lib/sysusers.d/bonebox.conf"
    install -D -m 644 systemd/bonebox.tmpfiles "$root/usr/lib/tmpfiles.d/bonebox.conf"
    { systemd-sysusers --root="$root" bonebox.conf && systemd-tmpfiles --root="$root" --create bonebox.conf; } >"$root/log" 2>&1 ||
        { cat "$root/log" >&2; failed=1; }
    [ "$(stat -c %a "$root/etc/bonebox")" = 750 ] && grep -q '^bonebox:' "$root/etc/passwd" ||
        { echo "sysusers and tmpfiles made no user bonebox or no /etc/bonebox" >&2; failed=1; }
fi
exit $failed
