# SPDX-License-Identifier: Apache-2.0
"""Machines: what is emulated. A row says what it has; the functions turn a row into a command line."""
from dataclasses import dataclass

# Low and close together: Xen maps an ARM dom0 one to one and wants its first bank to be 128 MiB in
# one naturally aligned piece, of which a 512 MiB machine has only one to spare.
GUEST_KERNEL_ADDRESS = 0x49000000
GUEST_INITRD_ADDRESS = 0x4C000000

# QEMU says so on stderr when the guest asked for power off; a reset ends it silently (-no-reboot).
POWERED_OFF = r"qemu_system_shutdown_request reason="


@dataclass(frozen=True)
class Machine:
    isa: str
    cpus: int = 2
    memory: int = 3072          # MiB
    gic: int = 3                # ARM: version of the interrupt controller
    nodes: int = 1              # NUMA nodes, memory and CPUs split evenly
    loader: str = "direct"      # how the hypervisor gets into memory: see loaders.py
    icount: bool = False        # one instruction is one nanosecond of virtual time, and runs repeat
    threads: str = "multi"      # QEMU's: "single" where the race that docs/testing.md tells of would show
    cpu: str = ""               # the processor's model; empty: the ISA's usual one
    board: str = ""             # the emulator's name of the machine; empty: the ISA's usual one, q35 or virt
    features: str = ""          # more of the processor's: ",+x,-y"
    iommu: str = ""             # x86-64: whose IOMMU it has, "amd" or "intel"
    extra: tuple = ()           # more words for the emulator
    typed: tuple = ()           # more words for `make run`, where that is the loader
    serial: tuple = ("-serial", "stdio")    # where its serial ports lead
    disks: tuple = ()           # the model of each disk: see devices.py
    network: str = ""           # the model of the network card
    reboots: bool = False       # a reset starts it anew; else it ends
    build: str = ""             # which build of our image: "-checked" or the ordinary one


def split(total, nodes):
    """`total` things over `nodes`, as [first, last] of each."""
    share = total // nodes
    return [(node * share, total - 1 if node == nodes - 1 else (node + 1) * share - 1)
            for node in range(nodes)]


def numa(machine):
    if machine.nodes == 1:
        return []
    share = machine.memory // machine.nodes
    words = []
    for node, (first, last) in enumerate(split(machine.cpus, machine.nodes)):
        words += ["-object", f"memory-backend-ram,id=node{node},size={share}M",
                  "-numa", f"node,nodeid={node},cpus={first}-{last},memdev=node{node}"]
    for far in range(1, machine.nodes):
        words += ["-numa", f"dist,src=0,dst={far},val=20"]
    return words


def icount(machine):
    """Deterministic virtual time. Several CPUs need the periodic timer to keep QEMU switching."""
    if not machine.icount:
        return ["-accel", f"tcg,thread={machine.threads}"]
    words = ["-accel", "tcg", "-icount", "shift=0,sleep=off",
             "-rtc", "base=2024-01-01,clock=vm", "-seed", "1"]
    if machine.cpus > 1:
        words += ["-netdev", "hubport,hubid=0,id=n0",
                  "-object", "filter-buffer,id=f0,netdev=n0,interval=100"]
    return words


def model(machine):
    if machine.isa == "arm64" and machine.board:    # a real board, with processors of its own
        return ["qemu-system-aarch64", "-machine", machine.board]
    return {
        "arm64": ["qemu-system-aarch64", "-cpu", (machine.cpu or "cortex-a72") + machine.features,
                  "-machine", f"virt,virtualization=on,gic-version={machine.gic}"],
        "arm32": ["qemu-system-arm", "-cpu", "cortex-a15" + machine.features,
                  "-machine", "virt,virtualization=on,gic-version=2,highmem=off"],
        "x86_64": ["qemu-system-x86_64", "-machine", machine.board or "q35",
                   "-cpu", (machine.cpu or "EPYC") + ",+svm,+npt,-monitor,-rdtscp" + machine.features],
    }[machine.isa]


def emulator(machine, interactive=False):
    """The emulator and its machine, without anything to boot."""
    console = ["-nographic"] if interactive else \
        ["-display", "none", "-monitor", "unix:{monitor},server=on,wait=off", *machine.serial, "-trace", "qemu_system_shutdown_request"]
    return [*model(machine), *icount(machine), "-smp", str(machine.cpus), "-m", f"{machine.memory}M",
            *numa(machine), *(["-device", f"{machine.iommu}-iommu"] if machine.iommu else []), *console, *([] if machine.reboots else ["-no-reboot"]), *machine.extra]


def megabytes(text):
    """3G, 512M or a plain number of MiB."""
    units = {"G": 1024, "M": 1}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)
