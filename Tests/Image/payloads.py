# SPDX-License-Identifier: Apache-2.0
"""Payloads: what the hypervisor is given to boot, and with which words."""
import struct
import subprocess
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Callable

import debian
import initramfs

CONSOLE = {
    "arm64": "console=dtuart",
    "arm32": "console=dtuart",
    "x86_64": "console=com1 com1=115200,8n1 cpuidle=0 dom0=pvh",
}


@dataclass(frozen=True)
class Payload:
    kernel: Callable | None = None      # isa -> path
    initrd: Callable | None = None
    words: str = ""                     # the kernel's command line
    hypervisor_words: str = "loglvl=all guest_loglvl=all"
    dom0_memory: int = 0                # MiB; 0 leaves out dom0_mem
    console: bool = True                # whether the usual words for the console are there
    edit_tree: Callable | None = None   # device tree -> device tree, for the loader "patched-tree"
    firmware: Callable | None = None    # isa -> path: what enters the image there, other than the usual few instructions
    release: str = debian.HOST          # whose kernel it is

    def command_line(self, isa):
        """The hypervisor's command line on one ISA."""
        memory = f"dom0_mem={self.dom0_memory}M,max:{self.dom0_memory}M" if self.dom0_memory else ""
        return " ".join(filter(None, (CONSOLE[isa] * self.console, self.hypervisor_words, memory)))

    def with_words(self, words):
        return replace(self, words=f"{self.words} {words}".strip())

    def with_release(self, release):
        """The same with the kernel of another of Debian's releases, and the modules that belong to it."""
        def of(file):
            return partial(file, release=release) if file in OF_RELEASE else file
        return replace(self, kernel=of(self.kernel), initrd=of(self.initrd), release=release)

    @property
    def is_debian(self):
        """Whether the kernel is one that releases differ in."""
        return self.kernel in OF_RELEASE

    def with_hypervisor_words(self, words):
        return replace(self, hypervisor_words=f"{self.hypervisor_words} {words}".strip())


OF_RELEASE = (debian.kernel, initramfs.dom0, initramfs.dom0_devices)

# Debian's kernel with our initramfs: a shell on the console, or one of Tests/Guests/dom0/tasks.
DEBIAN = Payload(debian.kernel, initramfs.dom0, "console=hvc0", dom0_memory=1024)
SHELL = replace(DEBIAN, dom0_memory=1024)
FLOOR = replace(DEBIAN, dom0_memory=256)    # real Xen stops early without modules
FACTS = DEBIAN.with_words("task=facts")
DEVICES = replace(DEBIAN, initrd=initramfs.dom0_devices).with_words("task=devices")


def damaged_kernel(name, change):
    """Debian's kernel with its bytes changed; the same every time, so it is written only once."""
    def path(isa):
        target = debian.BUILD / "guests" / isa / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(change(debian.kernel(isa).read_bytes()))
        return target
    return path


def packed_kernel(name, *command, release=debian.HOST, wrap=lambda packed: packed):
    """Debian's kernel packed by a tool that reads it from its input and writes to its output."""
    def path(isa):
        source = debian.kernel(isa, release)
        target = debian.BUILD / "guests" / isa / f"{source.name}.{name}"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            packed = subprocess.run(command, input=source.read_bytes(), check=True, capture_output=True).stdout
            target.write_bytes(wrap(packed))
        return target
    return path


def zboot(packed):
    """An EFI zboot image, as far as it says where the packed kernel is (Linux: drivers/firmware/efi/libstub/zboot-header.S)."""
    offset = 0x1000
    header = struct.pack("<2s2x4sII8x32sI4x", b"MZ", b"zimg", offset, len(packed), b"zstd22", 0x818223CD)
    return header.ljust(offset, b"\0") + packed


NO_KERNEL = replace(FACTS, kernel=None, initrd=None)
TRUNCATED_KERNEL = replace(FACTS, kernel=damaged_kernel("truncated-kernel", lambda image: image[:1 << 20]))
NOT_A_KERNEL = replace(FACTS, kernel=damaged_kernel("not-a-kernel", lambda image: b"This is no kernel.\n" * 999))
HEADER_ONLY = replace(FACTS, kernel=damaged_kernel("header-only", lambda image: image[:40]))


def tree_word(offset, value):
    """Changes one big-endian word of the device tree's header."""
    return lambda tree: tree[:offset] + value.to_bytes(4, "big") + tree[offset + 4:]


def tree_text(old, new):
    assert len(old) == len(new)
    return lambda tree: tree.replace(old, new)


def tree_tool(*commands):
    """Edits by fdtput (device-tree-compiler): each command is its words, with the tree's file left out."""
    def edit(tree):
        with tempfile.NamedTemporaryFile(suffix=".dtb") as file:
            file.write(tree)
            file.flush()
            for options, *words in commands:
                subprocess.run(["fdtput", *options.split(), file.name, *words], check=True, capture_output=True)
            return Path(file.name).read_bytes()
    return edit


def guest(name):
    """One of our own test guests; `make guests` builds them."""
    return lambda isa: debian.BUILD / "guests" / isa / name


def spin_table(cpus):
    """A board whose firmware has no PSCI: processors wait in spin tables."""
    return replace(FACTS, firmware=guest("spin_table"), edit_tree=tree_tool(
        ("-r", "/psci"), *(command for cpu in range(cpus) for command in (
            ("-t s", f"/cpus/cpu@{cpu}", "enable-method", "spin-table"),
            ("-t x", f"/cpus/cpu@{cpu}", "cpu-release-addr", "0", f"{0x401ff000 + 8 * cpu:x}")))))


# A board whose firmware at EL3 has the workarounds 1 to 3 of SMCCC, and tells how often each was called.
WORKAROUNDS = replace(FACTS, firmware=guest("workarounds"), edit_tree=tree_tool(
    ("-t s", "/psci", "compatible", "arm,psci-1.0")))
# PSCI 0.1 has no fixed function numbers: these are QEMU's.
OLD_PSCI = replace(FACTS, edit_tree=tree_tool(("-t s", "/psci", "compatible", "arm,psci"), ("-t x", "/psci", "cpu_on", "95c1ba60")))

# As on a Raspberry Pi 5: a pool that the kernel is to find room for, memory that it must not map, a bank of nothing (and 8 GiB that are something).
RESERVED = "/reserved-memory"
RESERVED_MEMORY = replace(FACTS, edit_tree=tree_tool(
    ("-cp", f"{RESERVED}/linux,cma"), ("-c", f"{RESERVED}/kept@70000000"),
    *(("-t x", RESERVED, f"#{kind}-cells", "2") for kind in ("address", "size")), ("", RESERVED, "ranges"),
    ("-t s", f"{RESERVED}/linux,cma", "compatible", "shared-dma-pool"), ("", f"{RESERVED}/linux,cma", "reusable"),
    ("-t x", f"{RESERVED}/linux,cma", "size", "0", "4000000"), ("", f"{RESERVED}/linux,cma", "linux,cma-default"),
    ("-t x", f"{RESERVED}/linux,cma", "alloc-ranges", "0", "40000000", "0", "c0000000"),
    ("-t x", f"{RESERVED}/kept@70000000", "reg", "0", "70000000", "0", "200000"), ("", f"{RESERVED}/kept@70000000", "no-map"),
    ("-t x", "/memory@40000000", "reg", *"0 40000000 2 0 0 0 0 0".split())))


def grub_pvh(isa):
    """GRUB as a PVH kernel, linked at 1 MiB."""
    root = debian.package(isa, "grub-xen-bin")
    target = debian.BUILD / "guests" / isa / "grub-pvh"
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["grub-mkimage", "-O", "i386-xen_pvh", "-d", root / "usr/lib/grub/i386-xen_pvh", "-p", "/", "-o", target, "normal"],
                   check=True)
    return target


# Words for dom0 are a must: without any, Xen on ARM takes its own command line for dom0's.
BENCH = Payload(guest("bench"), words="bench", hypervisor_words="", dom0_memory=128)
# Each mapping of a grant has a page of its own.
BENCH_TWO_VCPUS = replace(BENCH, hypervisor_words="dom0_max_vcpus=2", dom0_memory=512)
WAITS = replace(BENCH, kernel=guest("waits"), words="waits")
# dom0 directs, with one vCPU; the domains that it makes have three.
HOSTILE = replace(BENCH, kernel=guest("hostile"), words="hostile", hypervisor_words="dom0_max_vcpus=1 loglvl=all")
THREE_LEVEL = replace(BENCH, kernel=guest("three_level"), words="three_level")
WATCHDOG = replace(BENCH, kernel=guest("watchdog"), words="watchdog")
# Debian's Xen loses vCPUs with its default scheduler: see docs/testing.md.
DIFFERENTIAL = replace(BENCH, kernel=guest("differential"), words="differential", hypervisor_words="sched=credit")
# The same for 32-bit x86, on the machine of 64 bits.
DIFFERENTIAL_32 = replace(DIFFERENTIAL, kernel=lambda isa: guest("differential")("x86_32"))
# What says all by the debug port.
GRUB_PVH = Payload(grub_pvh, words="grub", dom0_memory=128)
PLACED = {place: replace(GRUB_PVH, kernel=guest(f"placed-{place}"), words="placed") for place in ("1m", "2m", "moved")}


def shell(memory):
    """dom0 with a shell. A power of two of memory is what an ARM dom0, mapped one to one, gets in one piece."""
    share = 1 << (memory // 3).bit_length() - 1
    return replace(DEBIAN, dom0_memory=min(1024, max(128, share)))
