"""Power cuts on a real file system: a node writes to ext4 on a loop device whose
file is served by FUSE, which logs each write and each flush. From the log come
the disks that a power cut could have left: all that was written before a flush,
any part of what was written after it, in whole sectors, in any order. On each,
ext4 replays its journal, a node starts, and everything that was acknowledged
by then must be there, once, byte for byte.

    crash_images.py BONEBOX IMAGES SEED [lie]

With `lie` the disk has lost its last 400 writes, flushed or not: the control.
Needs root, Debian's python3-fusepy, a loop device and ext4. Prints one line.
"""

import contextlib
import errno
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

SIZE = 96 << 20
SECTOR = 512
CT = "1.2.840.10008.5.1.4.1.1.2"


def serve_disk(folder, backing, log):
    """The FUSE process: one file, `disk`, and the log of what happens to it."""
    import fusepy as fuse

    class Disk(fuse.Operations):
        def __init__(self):
            self.file = os.open(backing, os.O_RDWR)
            self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

        def getattr(self, path, fh=None):
            if path == "/":
                return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
            if path == "/disk":
                return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": SIZE}
            raise fuse.FuseOSError(errno.ENOENT)

        def readdir(self, path, fh):
            return [".", "..", "disk"]

        def open(self, path, flags):
            return 1

        def read(self, path, size, offset, fh):
            return os.pread(self.file, size, offset)

        def write(self, path, data, offset, fh):
            # The log first: what is acknowledged has its writes in it.
            os.write(self.log, struct.pack("<BQI", 1, offset, len(data)) + data)
            os.pwrite(self.file, data, offset)
            return len(data)

        def fsync(self, path, datasync, fh):
            os.write(self.log, struct.pack("<BQI", 2, 0, 0))
            return 0

    fuse.FUSE(Disk(), folder, foreground=True, nothreads=True, big_writes=True)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def element(group, number, vr, value):
    value += b"\0" * (len(value) % 2)
    if vr == b"OW":
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def write_image(path, number):
    """A CT of 2 to 60 kB; says the SHA-256 of its data set."""
    uid = f"1.2.392.200036.9.8.{number % 5}.{number}".encode()
    noise = random.Random(number).randbytes([2_000, 20_000, 60_000][number % 3])
    data = (
        element(0x08, 0x16, b"UI", CT.encode())
        + element(0x08, 0x18, b"UI", uid)
        + element(0x20, 0x0D, b"UI", b"1.2.392.200036.9.8.%d" % (number % 5))
        + element(0x20, 0x0E, b"UI", b"1.2.392.200036.9.8.9")
        + element(0x7FE0, 0x10, b"OW", noise)
    )
    meta = (
        element(2, 2, b"UI", CT.encode())
        + element(2, 3, b"UI", uid)
        + element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    )
    head = b"\0" * 128 + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta)))
    with open(path, "wb") as file:
        file.write(head + meta + data)
    return hashlib.sha256(data).hexdigest()


class Node:
    """`bonebox serve --receive-only` on a folder."""

    def __init__(self, program, data, settings):
        self.process = subprocess.Popen(
            [program, "serve", "--receive-only", "--accept-any", "--config", settings]
            + ["--data", data, "--dicom", "127.0.0.1:0", "--dashboard", "127.0.0.1:0"],
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ, RUST_LOG="error"),
        )
        said = []
        for line in self.process.stderr:
            said.append(line)
            if line.startswith("bonebox ready"):
                self.address = line.split("@")[1].split(",")[0]
                break
        else:
            raise SystemExit("the node did not start:\n" + "".join(said))
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def kill(self):
        self.process.kill()
        self.process.wait()


def entries(log):
    """The log's records with the position at which each ends."""
    at = 0
    while at + 13 <= len(log):
        kind, offset, length = struct.unpack_from("<BQI", log, at)
        at += 13 + length
        yield at, kind, offset, log[at - length : at]


def parts(folder):
    """Part files that hold something; they come and go meanwhile."""
    count = 0
    for name in os.listdir(folder):
        try:
            count += os.path.getsize(os.path.join(folder, name)) > 0
        except FileNotFoundError:
            pass
    return count


def check(program, data, settings, promised):
    """Starts a node on what the cut left: everything promised is there once."""
    node = Node(program, data, settings)
    begun = time.monotonic()
    arriving = os.path.join(data, "arriving")
    try:
        while parts(arriving):
            assert time.monotonic() - begun < 30, "rows never came"
            time.sleep(0.02)
    finally:
        node.kill()
    visible = {}
    for folder, _, files in os.walk(os.path.join(data, "identified")):
        for name in files:
            bytes_ = open(os.path.join(folder, name), "rb").read()
            length = struct.unpack_from("<I", bytes_, 140)[0]
            digest = hashlib.sha256(bytes_[144 + length :]).hexdigest()
            assert name.endswith(digest + ".dcm"), "a half file is visible"
            visible[digest] = visible.get(digest, 0) + 1
    rows = {}
    with contextlib.closing(sqlite3.connect(os.path.join(data, "box.sqlite"))) as db:
        for (digest,) in db.execute("SELECT digest FROM instance"):
            rows[digest] = rows.get(digest, 0) + 1
    for digest in promised:
        assert visible.get(digest) == 1, f"{digest} was acknowledged and is gone"
        assert rows.get(digest) == 1, f"{digest} has {rows.get(digest)} rows"
    assert set(rows) == set(visible), "a file without a row, or the other way round"


def record(program, work, settings):
    """Runs a node under load on the logged disk; the promises, each with the
    log's length when it was heard, and the disk as it was before."""
    backing, log, served = (os.path.join(work, n) for n in ("disk", "log", "fuse"))
    os.mkdir(served)
    with open(backing, "wb") as file:
        file.truncate(SIZE)
    run("mkfs.ext4", "-q", "-F", "-J", "size=4", backing)
    before = os.path.join(work, "before")
    shutil.copyfile(backing, before)
    disk = subprocess.Popen([sys.executable, __file__, "--serve", served, backing, log])
    while not os.path.exists(os.path.join(served, "disk")):
        assert disk.poll() is None, "FUSE did not come up"
        time.sleep(0.05)
    loop = run("losetup", "--find", "--show", os.path.join(served, "disk"))
    mounted = os.path.join(work, "mounted")
    os.mkdir(mounted)
    promised = []
    try:
        run("mount", "-t", "ext4", loop, mounted)
        node = Node(program, os.path.join(mounted, "box"), settings)
        outside = os.path.join(work, "outside")
        os.mkdir(outside)
        numbers = iter(range(480))
        lock = threading.Lock()

        def sender():
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                path = os.path.join(outside, f"{number}.dcm")
                digest = write_image(path, number)
                to = ["--to", f"BONEBOX@{node.address}", "--calling", "XRAY"]
                sent = subprocess.run([program, "send", path] + to, capture_output=True)
                if sent.returncode == 0:
                    with lock:
                        promised.append((os.path.getsize(log), digest))

        senders = [threading.Thread(target=sender) for _ in range(4)]
        for one in senders:
            one.start()
        for one in senders:
            one.join()
        node.kill()
    finally:
        subprocess.run(["umount", "-l", mounted], check=False)
        subprocess.run(["losetup", "-d", loop], check=False)
        time.sleep(0.5)
        subprocess.run(["umount", "-l", served], check=False)
        disk.send_signal(signal.SIGTERM)
        disk.wait()
    return before, open(log, "rb").read(), promised


def main(program, images, seed, lie):
    lots = random.Random(seed)
    work = tempfile.mkdtemp(prefix="bonebox-crash-")
    settings = os.path.join(work, "box.toml")
    with open(settings, "w") as file:
        file.write("[storage]\nreserve_mb = 1\n")
    try:
        before, log, promised = record(program, work, settings)
        assert len(promised) > 200, f"only {len(promised)} were acknowledged"
        records = list(entries(log))
        flushes = sum(1 for record in records if record[1] == 2)
        cuts = sorted(lots.randrange(len(records)) for _ in range(images))
        mounted = os.path.join(work, "cut")
        os.mkdir(mounted)
        whole = bytearray(open(before, "rb").read())
        pending, done, most = [], 0, 0
        for number, cut in enumerate(cuts):
            last = max(0, cut - 400) if lie else cut
            for _, kind, offset, data in records[done : last + 1]:
                if kind == 1:
                    pending.append((offset, data))
                else:
                    for offset, data in pending:
                        whole[offset : offset + len(data)] = data
                    pending = []
            done = max(done, last + 1)
            left = bytearray(whole)
            # What was not flushed: any of its sectors, in any order.
            sectors = [
                (offset + at, data[at : at + SECTOR])
                for offset, data in pending
                for at in range(0, len(data), SECTOR)
            ]
            share = 0.0 if lie else lots.choice([0.0, 0.5, 0.9, 1.0])
            kept = [one for one in sectors if lots.random() < share]
            lots.shuffle(kept)
            for offset, data in kept:
                left[offset : offset + len(data)] = data
            # A file of its own: the one before may still be somebody's mount.
            image = os.path.join(work, f"image-{number}")
            with open(image, "wb") as file:
                file.write(left)
            heard = [digest for at, digest in promised if at <= records[cut][0]]
            most = max(most, len(heard))
            run("mount", "-t", "ext4", "-o", "loop", image, mounted)
            try:
                data = os.path.join(mounted, "box")
                if os.path.isdir(data):
                    check(program, data, settings, heard)
                else:
                    assert not heard, "the data folder is gone"
            finally:
                run("umount", mounted)
            os.unlink(image)
        print(
            f"{images} disks of a power cut (seed {seed}): {len(promised)} acknowledged, "
            f"{len(records)} writes and flushes ({flushes} flushes), up to {most} promises a "
            "disk: all kept"
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)


if sys.argv[1] == "--serve":
    serve_disk(*sys.argv[2:])
else:
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ["lie"])
