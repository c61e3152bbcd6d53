# SPDX-License-Identifier: Apache-2.0
"""Writes initramfs images: cpio in the newc format, made without root and the same on every run."""
import gzip
import stat
from pathlib import Path

import debian

GUESTS = Path(__file__).resolve().parents[1] / "Guests"


class Cpio:
    def __init__(self):
        self.parts = []
        self.inode = 0

    def entry(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        record = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self.parts += [pad(record), pad(data)]

    def directory(self, name):
        self.entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o755):
        self.entry(name, stat.S_IFREG | mode, data)

    def character_device(self, name, major, minor):
        self.entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def packed(self):
        self.entry("TRAILER!!!", 0)
        return gzip.compress(b"".join(self.parts), compresslevel=6, mtime=0)


def pad(data):
    return data + bytes(-len(data) % 4)


# For disks and a network card.
DEVICE_MODULES = ("ahci", "sd_mod", "virtio_pci", "virtio_blk", "e1000", "ext4", "crc32c_generic")


def dom0(isa, release=debian.HOST):
    """busybox, our /init and its tasks: what dom0 needs to answer questions about itself."""
    return packed(isa, "dom0", debian.fetch(isa).root, [])


def dom0_devices(isa, release=debian.HOST):
    """The same with drivers for devices, which are a release's own."""
    return packed(isa, f"dom0-devices{release and '-' + release}", *debian.modules(isa, DEVICE_MODULES, release))


def packed(isa, name, root, files):
    sources = sorted((GUESTS / "dom0").rglob("*"))
    busybox = debian.fetch(isa).find("bin/busybox")
    target = debian.BUILD / "guests" / isa / f"{name}.cpio.gz"
    inputs = [busybox, Path(__file__), *sources, *(root / file for file in files)]
    if target.exists() and target.stat().st_mtime > max(path.stat().st_mtime for path in inputs):
        return target
    archive = Cpio()
    for directory in ("bin", "dev", "etc", "proc", "run", "sys", "tmp", "tasks"):
        archive.directory(directory)
    archive.character_device("dev/console", 5, 1)
    archive.file("bin/busybox", busybox.read_bytes())
    for source in sources:
        if source.is_file():
            archive.file(str(source.relative_to(GUESTS / "dom0")), source.read_bytes())
    for directory in sorted({parent for file in files for parent in file.parents if parent.name}):
        archive.directory(str(directory))
    for file in files:
        archive.file(str(file), (root / file).read_bytes())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(archive.packed())
    return target
