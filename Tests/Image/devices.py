# SPDX-License-Identifier: Apache-2.0
"""Devices: disks with a file system and a network with something to fetch, made afresh for each run."""
import functools
import hashlib
import random
import subprocess

DISK_MEGABYTES = 400
DOWNLOAD_MEGABYTES = 32
# Inside QEMU's user network.
SERVER = "10.0.2.100"


@functools.cache
def download():
    """What the server has to give: the same on every run."""
    return random.Random(417).randbytes(DOWNLOAD_MEGABYTES << 20)


@functools.cache
def download_sum():
    return hashlib.md5(download()).hexdigest()


# QEMU's virtio goes past the IOMMU unless it is told not to.
REMAPPED = {"virtio-blk-pci": ",disable-legacy=on,iommu_platform=on"}


def disk(work, index, model, remapped):
    image = work / f"disk{index}"
    image.unlink(missing_ok=True)
    made = subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", image, f"{DISK_MEGABYTES}M"], capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(f"mke2fs: {made.stderr}")
    return ["-drive", f"file={image},format=raw,if=none,id=disk{index}", "-device",
            f"{model},drive=disk{index}{REMAPPED.get(model, '') if remapped else ''}"]


def network(work, model):
    """A network card, and on its network an HTTP server that has one answer to everything."""
    answer = work / "answer"
    answer.write_bytes(f"HTTP/1.0 200 OK\r\nContent-Length: {len(download())}\r\n\r\n".encode() + download())
    # The connection has to live until the other side has read everything.
    serve = f"sh -c 'cat {answer}; cat > /dev/null'"
    return ["-netdev", f"user,id=net,restrict=on,guestfwd=tcp:{SERVER}:80-cmd:{serve}", "-device", f"{model},netdev=net"]


def words(machine, work):
    """The emulator's words for a machine's disks and its network card."""
    disks = [word for index, model in enumerate(machine.disks) for word in disk(work, index, model, machine.iommu)]
    return disks + (network(work, machine.network) if machine.network else [])
