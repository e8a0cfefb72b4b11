#!/usr/bin/env bash
# boot.sh [PROGRAM]: starts the units of systemd/ under a real systemd, which is
# process 1 of namespaces of its own over a throw-away copy of this machine's
# root, with no network but loopback. Inside: the box must become ready, answer
# a C-ECHO, keep an image, and get its worker back after a kill. Needs root;
# nothing of the machine is changed. Run by `make test-long`; about 20 s.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=setup/lib.sh
. setup/lib.sh

# The last stage: process 1 of the namespaces.
if [ "${1:-}" = --inside ]; then
    work=$2
    root=$work/root
    mount --make-rprivate /
    mount -t tmpfs tmpfs "$work/layers"
    mkdir -p "$work/layers/upper" "$work/layers/scratch"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$work/layers/upper,workdir=$work/layers/scratch" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mount -t tmpfs tmpfs "$root/run"
    mount -t tmpfs tmpfs "$root/tmp"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    mkdir "$root/dev/pts" "$root/dev/shm"
    for device in null zero full random urandom tty; do
        cp -a "/dev/$device" "$root/dev/$device"
    done
    mount -t devpts -o newinstance devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    cp -rT "$work/extra" "$root"
    systemd-sysusers --root="$root" bonebox.conf
    systemd-tmpfiles --root="$root" --create bonebox.conf
    chown root:"$(stat -c %g "$root/etc/bonebox")" "$root/etc/bonebox/bonebox.toml"
    mkdir -p "$root/answer" "$root/.old"
    mount --bind "$work/answer" "$root/answer"
    cd "$root"
    pivot_root . .old
    umount -l /.old
    container=other exec /lib/systemd/systemd --unit=bonebox-test.target --log-target=console </dev/null
fi

# Where it cannot be done, that is said and is no failure (exit 3).
not_done() {
    say "the units were not started: $*"
    exit 3
}
[ "$(id -u)" = 0 ] || not_done "root is needed."
[ -x /lib/systemd/systemd ] || not_done "systemd is not installed."
groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$groups" ] && unshare --pid --fork --mount --uts --ipc --net --cgroup true 2>/dev/null ||
    not_done "this machine lets root make no namespaces or control groups (a container?)."
program=${1:-target/debug/bonebox}
[ -x "$program" ] || stop "$program is not built."

work=$(mktemp -d)
extra=$work/extra
units=$extra/etc/systemd/system
mkdir -p "$work/root" "$work/layers" "$work/answer" "$units" "$extra/etc/bonebox" "$extra/usr/lib/bonebox"
install -D "$program" "$extra/usr/bin/bonebox"
cp "$kept/onnxruntime/$onnxruntime_name" "$extra/usr/lib/bonebox/libonnxruntime.so"
mkdir -p "$extra/usr/share/bonebox" && cp -r models "$extra/usr/share/bonebox/models"
cp systemd/*.service "$units/"
install -D -m 644 systemd/bonebox.sysusers "$extra/usr/lib/sysusers.d/bonebox.conf"
install -D -m 644 systemd/bonebox.tmpfiles "$extra/usr/lib/tmpfiles.d/bonebox.conf"
install -m 640 firmware-config/units.toml "$extra/etc/bonebox/bonebox.toml"
printf '\n[dicom]\naccept_any = true\nquiet_period_s = 1.0\n' >>"$extra/etc/bonebox/bonebox.toml"
cp "$kept/pydicom-data/RG1_UNCR.dcm" "$extra/etc/image.dcm"
cat >"$units/bonebox-test.target" <<END
[Unit]
Wants=bonebox.service bonebox-test.service
END
cat >"$units/bonebox-test.service" <<END
[Unit]
After=bonebox.service
[Service]
Type=oneshot
ExecStart=/bin/bash /etc/inside.sh
END
cat >"$extra/etc/inside.sh" <<'END'
exec >/answer/log 2>&1
try() { # SECONDS COMMAND...: again and again until it holds
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $until ] || { echo "FAILED: $*"; return 1; }
        sleep 0.5
    done
    echo "ok: $*"
}
of() { systemctl show -P "$2" "$1"; }
worker_answers() { [ "$(of bonebox-worker ActiveState)" = active ] && [ -S /run/bonebox/worker.sock ]; }
stays_up() { sleep 3; [ "$(of "$1" NRestarts)" = "$2" ] && [ "$(of "$1" ActiveState)" = active ]; }
back_again() { [ "$(of bonebox-worker NRestarts)" = 1 ] && worker_answers; }
# The way of an image without a wrist ends in a refusal: decoded by the worker.
is_refused() {
    /usr/bin/python3 -c "import sqlite3
study = sqlite3.connect('file:/var/lib/bonebox/box.sqlite?mode=ro', uri=True).execute('SELECT state, trouble FROM study').fetchone()
assert study == ('analyzed', None), study" 2>>/answer/refusal
}
is_kept() { find /var/lib/bonebox -name '*.dcm' | grep -q .; }
checks() {
    try 20 systemctl --quiet is-active bonebox.service &&
        try 20 worker_answers &&
        try 10 echoscu -aec BONEBOX 127.0.0.1 11112 &&
        try 10 storescu -aec BONEBOX 127.0.0.1 11112 /etc/image.dcm &&
        try 5 is_kept &&
        try 60 is_refused &&
        kill -9 "$(of bonebox-worker MainPID)" &&
        try 20 back_again &&
        try 5 stays_up bonebox.service 0 &&
        try 5 stays_up bonebox-worker.service 1 &&
        try 5 [ "$(stat -c '%U %a' /var/lib/bonebox)" = "bonebox 700" ]
}
checks && echo PASSED || tail -3 /answer/refusal
systemctl --no-pager --full --lines=0 status 'bonebox*.service' systemd-journald.service | grep -E '●|Active:|Process:|Main PID:'
journalctl --no-pager -o short-monotonic | grep -i bonebox | tail -60
systemctl poweroff --force
END

# A control group of its own, so that the inner systemd rules no other process.
group=$groups/bonebox-test.$$
mkdir "$group"
echo $$ >"$group/cgroup.procs"
timeout 180 unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup \
    "$0" --inside "$work" >"$work/console" 2>&1 || true
echo $$ >"$groups/cgroup.procs"
find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
cat "$work/answer/log" 2>/dev/null || cat "$work/console"
if grep -q '^PASSED$' "$work/answer/log" 2>/dev/null; then
    rm -rf "$work"
    say "the units started under systemd, and the box went on after its worker was killed."
else
    stop "the units did not hold under systemd; all that was said: $work"
fi
