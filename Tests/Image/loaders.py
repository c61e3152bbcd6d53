# SPDX-License-Identifier: Apache-2.0
"""Loaders: how a hypervisor and its payload get into a machine's memory.

Each takes (machine, image, payload, work directory, base command) and returns the command to run.
A machine row names one of LOADERS.
"""
from machines import GUEST_INITRD_ADDRESS, GUEST_KERNEL_ADDRESS


def comma(text):
    """QEMU takes a double comma for one inside of a value."""
    return str(text).replace(",", ",,")


def direct_arm(machine, image, payload, work, command):
    """-kernel, with the modules announced in the device tree by QEMU's guest-loader."""
    words = [*command, "-kernel", image, "-append", payload.command_line(machine.isa)]
    if payload.kernel:
        words += ["-device", f"guest-loader,addr={GUEST_KERNEL_ADDRESS:#x},"
                  f"kernel={payload.kernel(machine.isa)},bootargs={comma(payload.words)}"]
    if payload.initrd:
        words += ["-device", f"guest-loader,addr={GUEST_INITRD_ADDRESS:#x},"
                  f"initrd={payload.initrd(machine.isa)}"]
    return words


def direct_x86(machine, image, payload, work, command):
    """-kernel with a multiboot 1 header; modules are a comma-separated list."""
    modules = []
    if payload.kernel:
        modules.append(comma(f"{payload.kernel(machine.isa)} {payload.words}"))
    if payload.initrd:
        modules.append(str(payload.initrd(machine.isa)))
    words = [*command, "-kernel", image, "-append", payload.command_line(machine.isa)]
    return words + (["-initrd", ",".join(modules)] if modules else [])


def direct(machine, *rest):
    return (direct_x86 if machine.isa == "x86_64" else direct_arm)(machine, *rest)


LOADERS = {"direct": direct}


def boot(machine, image, payload, work, base):
    return [str(word) for word in LOADERS[machine.loader](machine, image, payload, work, base)]
