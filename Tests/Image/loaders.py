# SPDX-License-Identifier: Apache-2.0
"""Loaders: how a hypervisor and its payload get into a machine's memory.

Each takes a Job and returns the command to run. A machine row names one of LOADERS.
"""
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import bochs
import debian
from machines import GUEST_INITRD_ADDRESS, GUEST_KERNEL_ADDRESS, Machine
from payloads import Payload

OVMF = Path("/usr/share/OVMF")
MULTIBOOT1_MAGIC, MULTIBOOT1_SEARCH = 0x1BADB002, 8192


@dataclass(frozen=True)
class Job:
    machine: Machine
    image: Path
    payload: Payload
    work: Path          # directory of its own
    emulator: list      # the machine's command line without anything to boot

    @property
    def words(self):
        return self.payload.command_line(self.machine.isa)

    @property
    def modules(self):
        """[(path, words)]: dom0's kernel and initramfs, where the payload has them."""
        files = [(self.payload.kernel, self.payload.words), (self.payload.initrd, "")]
        return [(file(self.machine.isa), words) for file, words in files if file]


def comma(text):
    """QEMU takes a double comma for one inside of a value."""
    return str(text).replace(",", ",,")


def direct_arm(job):
    """-kernel, with the modules announced in the device tree by QEMU's guest-loader."""
    places = ((GUEST_KERNEL_ADDRESS, "kernel"), (GUEST_INITRD_ADDRESS, "initrd"))
    command = [*job.emulator, "-kernel", job.image, "-append", job.words]
    for (address, kind), (path, words) in zip(places, job.modules):
        arguments = f",bootargs={comma(words)}" if kind == "kernel" else ""
        command += ["-device", f"guest-loader,addr={address:#x},{kind}={path}{arguments}"]
    return command


# Enters the image as a boot loader would: x0 the device tree, x1-x3 zero, at EL2.
ENTER_ARM64 = (0x580000C0, 0x580000E4, 0xAA1F03E1, 0xAA1F03E2, 0xAA1F03E3, 0xD61F0080)
IMAGE_ADDRESS, TREE_ADDRESS = 0x40200000, 0x48000000


def patched_tree(job):
    """Boots with QEMU's own device tree after payload.edit_tree has had its way with it.

    QEMU would parse and repair a tree given by -dtb, so everything is put into memory as it is, and
    a few instructions of firmware jump to the image.
    """
    tree, firmware = job.work / "tree.dtb", job.work / "firmware"
    dump = direct_arm(job)
    dump[dump.index("-machine") + 1] += f",dumpdtb={tree}"
    subprocess.run(dump, check=True, capture_output=True)
    tree.write_bytes(job.payload.edit_tree(tree.read_bytes()))
    enter = job.payload.firmware(job.machine.isa).read_bytes() if job.payload.firmware else struct.pack("<6I", *ENTER_ARM64)
    firmware.write_bytes(enter + struct.pack("<3Q", TREE_ADDRESS, IMAGE_ADDRESS, job.machine.cpus))
    places = [(job.image, IMAGE_ADDRESS), (tree, TREE_ADDRESS),
              *zip((path for path, _ in job.modules), (GUEST_KERNEL_ADDRESS, GUEST_INITRD_ADDRESS))]
    # Where there is firmware QEMU has ACPI's devices in place of those that the tree names.
    return [*job.emulator, "-no-acpi", "-bios", firmware, *(word for path, address in places for word in (
        "-device", f"loader,file={path},addr={address:#x},force-raw=on"))]


# The kernel and the initramfs in the memory of a board whose RAM begins at 0.
LOW_PLACES = (("kernel", 0x9000000), ("ramdisk", 0xc000000))


def given_tree(job):
    """-kernel with the board's own device tree, to which the modules are added: QEMU's guest-loader knows virt's tree alone."""
    tree = job.work / "tree.dtb"
    dump = [*job.emulator, "-kernel", job.image]
    dump[dump.index("-machine") + 1] += f",dumpdtb={tree}"
    subprocess.run(dump, check=True, capture_output=True)
    command = [*job.emulator, "-kernel", job.image, "-dtb", tree]
    edits = [("-t", "s", tree, "/chosen", "xen,xen-bootargs", job.words)]
    for (kind, address), (path, words) in zip(LOW_PLACES, job.modules):
        node = f"/chosen/module@{address:x}"
        edits += [("-p", "-t", "s", tree, node, "compatible", f"multiboot,{kind}", "multiboot,module"),
                  ("-t", "s", tree, node, "bootargs", words),
                  ("-t", "x", tree, node, "reg", "0", f"{address:x}", "0", f"{path.stat().st_size:x}")]
        command += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
    for edit in edits:
        subprocess.run(["fdtput", *edit], check=True, capture_output=True)
    return command


def direct_x86(job):
    """-kernel with a multiboot 1 header; modules are a comma-separated list."""
    modules = ",".join(comma(f"{path} {words}".strip()) for path, words in job.modules)
    command = [*job.emulator, "-kernel", job.image, "-append", job.words]
    return command + (["-initrd", modules] if modules else [])


def direct(job):
    return direct_x86(job) if job.machine.isa == "x86_64" else direct_arm(job)


def without_multiboot1(image):
    """The image with its multiboot 1 header's magic zeroed: QEMU then goes by the PVH note."""
    for offset in range(0, min(len(image), MULTIBOOT1_SEARCH) - 11, 4):
        magic, flags, checksum = struct.unpack_from("<III", image, offset)
        if magic == MULTIBOOT1_MAGIC and (magic + flags + checksum) & 0xFFFFFFFF == 0:
            return image[:offset] + bytes(4) + image[offset + 4:]
    raise ValueError("no multiboot 1 header to remove")


def pvh(job):
    """-kernel through XEN_ELFNOTE_PHYS32_ENTRY; this way of booting has one module at most."""
    variant = job.work / "xen-pvh"
    variant.write_bytes(without_multiboot1(job.image.read_bytes()))
    command = [*job.emulator, "-kernel", variant, "-append", job.words]
    return command + [word for path, _ in job.modules[:1] for word in ("-initrd", path)]


def copied(job, directory):
    """Puts the image and its modules into a directory: [(file name, words)], the image first."""
    directory.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, path, words in [("xen", job.image, job.words)] + [
            (f"module{index}", path, words) for index, (path, words) in enumerate(job.modules)]:
        shutil.copyfile(path, directory / name)
        entries.append((name, words))
    return entries


GRUB_HEAD = """\
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=0
menuentry xen {
"""


def iso(job):
    """A GRUB CD for BIOS and UEFI that boots the image by multiboot 2."""
    tree, target = job.work / "iso", job.work / "boot.iso"
    shutil.rmtree(tree, ignore_errors=True)
    (name, words), *modules = copied(job, tree / "boot")
    lines = [f"  multiboot2 /boot/{name} {words}",
             *(f"  module2 --nounzip /boot/{name} {words}" for name, words in modules), "}"]
    (tree / "boot/grub").mkdir()
    (tree / "boot/grub/grub.cfg").write_text(GRUB_HEAD + "\n".join(lines) + "\n")
    made = subprocess.run(["grub-mkrescue", "-o", target, tree], capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(f"grub-mkrescue: {made.stderr}")
    return target


def grub_bios(job):
    return [*job.emulator, "-cdrom", iso(job)]


def grub_uefi(job):
    return grub_uefi_arm64(job) if job.machine.isa == "arm64" else grub_uefi_x86(job)


def grub_uefi_x86(job):
    variables = job.work / "OVMF_VARS.fd"
    shutil.copyfile(OVMF / "OVMF_VARS_4M.fd", variables)
    return [*job.emulator, "-cdrom", iso(job),
            "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF / 'OVMF_CODE_4M.fd'}",
            "-drive", f"if=pflash,format=raw,file={variables}"]


GRUB_ARM64 = """\
search --no-floppy --file --set=root /xen
xen_hypervisor /xen {words}
{modules}
boot
"""
AAVMF = Path("/usr/share/AAVMF")


def grub_uefi_arm64(job):
    """EFI firmware starts GRUB from a disk, and that the image as an EFI application, with its modules in the device tree."""
    disk, config, variables = job.work / "disk", job.work / "grub.cfg", job.work / "AAVMF_VARS.fd"
    shutil.rmtree(disk, ignore_errors=True)
    (_, words), *modules = copied(job, disk)
    config.write_text(GRUB_ARM64.format(words=words, modules="\n".join(
        f"xen_module --nounzip /{name} {words}" for name, words in modules)))
    (disk / "EFI/BOOT").mkdir(parents=True)
    grub = debian.package("arm64", "grub-efi-arm64-bin") / "usr/lib/grub/arm64-efi"
    made = subprocess.run(["grub-mkstandalone", "-O", "arm64-efi", "-d", grub, "--modules=xen_boot fat part_msdos search_fs_file",
                           "-o", disk / "EFI/BOOT/BOOTAA64.EFI", f"boot/grub/grub.cfg={config}"], capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(f"grub-mkstandalone: {made.stderr}")
    shutil.copyfile(AAVMF / "AAVMF_VARS.fd", variables)
    return [*job.emulator, "-no-acpi",
            "-drive", f"if=pflash,format=raw,readonly=on,file={AAVMF / 'AAVMF_CODE.fd'}",
            "-drive", f"if=pflash,format=raw,file={variables}",
            "-drive", f"file=fat:rw:{disk},format=raw,if=none,id=disk", "-device", "virtio-blk-device,drive=disk"]


def ipxe(job):
    """QEMU's iPXE ROM fetches a script, the image and the modules over TFTP."""
    tree = job.work / "tftp"
    (name, words), *modules = copied(job, tree)
    lines = ["#!ipxe", f"kernel {name} {words}", *(f"module {name} {words}" for name, words in modules), "boot"]
    (tree / "boot.ipxe").write_text("\n".join(lines) + "\n")
    return [*job.emulator, "-boot", "n", "-device", "e1000,netdev=net0",
            "-netdev", f"user,id=net0,tftp={tree},bootfile=/boot.ipxe"]


def make_run(job):
    """As a person types it, who gets the shell on the terminal."""
    machine = job.machine
    return ["make", "--no-print-directory", "-C", debian.ROOT, "run", f"ARCH={machine.isa}", f"GIC={machine.gic}", f"SMP={machine.cpus}",
            f"MEM={machine.memory}M", f"XEN={job.image}", f"RELEASE={job.payload.release}", *machine.typed]


LOADERS = {
    "direct": direct,
    "make-run": make_run,
    "pvh": pvh,
    "patched-tree": patched_tree,
    "given-tree": given_tree,
    "grub-bios": grub_bios,
    "grub-uefi": grub_uefi,
    "ipxe": ipxe,
    "bochs": lambda job: bochs.command(job.machine, iso(job), job.work),
}


def boot(job):
    return [str(word) for word in LOADERS[job.machine.loader](job)]
