# SPDX-License-Identifier: Apache-2.0
"""Checks: which machine boots which payload, and what the console must say. Add rows here."""
from dataclasses import dataclass, replace
from pathlib import Path

import breadth
import debian
import devices
from machines import POWERED_OFF, Machine
from payloads import (DEVICES, DIFFERENTIAL, DIFFERENTIAL_32, FACTS, FLOOR, GRUB_PVH, HEADER_ONLY, HOSTILE, NO_KERNEL, NOT_A_KERNEL, OLD_PSCI, PLACED,
                      RESERVED_MEMORY, SHELL, THREE_LEVEL, TRUNCATED_KERNEL, WATCHDOG, WORKAROUNDS, Payload, packed_kernel, spin_table, tree_text, tree_word,
                      zboot)

OURS, REFERENCE = "ours", "reference"


@dataclass(frozen=True)
class Expectation:
    expect: tuple = ()
    reject: tuple = ()
    dialogue: tuple = ()
    verdict: str | None = None      # None: the machine must power itself off
    screen: str | None = None       # what the screen must show at the verdict


@dataclass(frozen=True)
class Check:
    name: str
    machine: Machine
    payload: Payload
    expectations: dict              # hypervisor -> Expectation; absent: the row is not meant for it
    pending: tuple = ()             # hypervisors that cannot pass it yet: named as skipped, never counted
    differences: Path | None = None  # what may differ from the reference: see differential.py
    outruns: bool = False           # Debian's Xen is run right after, and may not take less of the host's processors
    timeout: int = 600              # hang guard in seconds, not a measurement; silence ends a run sooner


PANICS = (r"\(XEN\) Panic on CPU", r"\(XEN\) .*Assertion '", r"Kernel panic", r"WARNING: CPU", r"\bBUG\b",
          r"Oops", r"Call trace:", r"fact bad:")
CRASHES = (*PANICS, r"rebooting machine")


OUR_BANNER = (r"^\(XEN\) Xen version 4\.17 \(swift-xen",)


def memory_by_node(machine):
    return tuple(rf"^\(XEN\) NUMA node {node}: .* \d+ MiB" for node in range(machine.nodes))


def plural(cpus):
    return "1 CPU$" if cpus == 1 else f"{cpus} CPUs$"


# On x86 the holes below 1 MiB do not count.
BALLOON = {"x86_64": r"^fact balloon: \d+ KiB$"}


def dom0_facts(machine, memory, event_channels):
    cpus = machine.cpus
    return (
        r"^fact type: xen$", r"^fact major: 4$", r"^fact minor: 17$", r"^fact interrupt: .*xen-dyn",
        rf"xen:events: Using {event_channels} ABI", r"Grant tables using version 1 layout",
        r"xen:balloon: Initialising balloon driver", BALLOON.get(machine.isa, rf"^fact balloon: {memory * 1024} KiB$"),
        rf"smp: Brought up 1 node, {plural(cpus)}", rf"^fact cpus: {cpus}$", r"^fact slept: 1$",
        r"^dom0: task facts ended with 0$", POWERED_OFF)


def dom0(name, machine, memory, words="", event_channels="FIFO-based", hypervisors=(OURS, REFERENCE), more=(), hypervisor_words="",
         **row):
    """Debian's kernel as dom0 answers for its hypervisor, and powers the machine off."""
    expect = (*dom0_facts(machine, memory, event_channels), *more)
    payload = replace(FACTS, dom0_memory=memory).with_words(words).with_hypervisor_words(hypervisor_words)
    both = {OURS: Expectation((*OUR_BANNER, *memory_by_node(machine), *expect), (*CRASHES, "[Uu]nhandled")),
            REFERENCE: Expectation(expect, CRASHES)}
    return Check(name, machine, payload, {name: both[name] for name in hypervisors}, **row)


# What a PVH dom0 finds of its platform (the kernel's own words).
PVH = (r"xen:events: Xen HVM callback vector for event delivery is enabled",
       r"Switched APIC routing to physical x2apic", r"^fact guest_type: PVH$")
PVH_SMP = (r"PV qspinlock hash table", r"^fact clocksource: xen$")


# What kernels newer than the host's say in other words: (a pattern of a row, what stands in its place).
NEWER_WORDS = (("Switched APIC routing to physical x2apic", "APIC: Switched APIC routing to: physical x2apic"),)


def with_release(check, release):
    """The same row with the kernel of another of Debian's releases."""
    words = {} if release in debian.OLDER_RELEASES else dict(NEWER_WORDS)
    def newer(rules):
        return replace(rules, expect=tuple(words.get(pattern, pattern) for pattern in rules.expect))
    return replace(check, name=f"{check.name}-{release}", payload=check.payload.with_release(release),
                   expectations={hypervisor: newer(rules) for hypervisor, rules in check.expectations.items()})


def with_kernel(check, kernel):
    return replace(check, payload=replace(check.payload, kernel=kernel))


def x86_dom0(name, *hypervisors, memory=1024, features=",-xsave", hypervisor_words="", vectors="", spoken=(), **machine):
    """Debian's Xen wants an IOMMU for a PVH dom0, and is unsteady where it shows XSAVE to it; ours neither."""
    return dom0(f"x86_64-dom0{name}", Machine("x86_64", features=features, **machine), memory,
                hypervisors=hypervisors or (OURS, REFERENCE), hypervisor_words=hypervisor_words,
                more=PVH + PVH_SMP * (machine.get("cpus") != 1) + (rf"^fact vectors: {vectors}\s*$", *spoken))


def x86_devices(name, *hypervisors, iommu="", **machine):
    """dom0's disks keep what is written over a reboot, and its network brings what was sent."""
    expect = (*(rf"^fact {disk}: {text}" for disk, size in (("sda", 256), ("vda", 64)) for text in ("written", f"{size << 20} bytes, data: OK")),
              r"^fact ahci: PCI-MSI interrupts every CPU$", r"^fact virtio0-req: PCI-MSI interrupts every CPU$", r"^fact eth0: IO-APIC interrupts$",
              r"reboot: Restarting system", rf"^fact download: {devices.download_sum()}$", r"^dom0: task devices ended with 0$",
              POWERED_OFF)
    remapping = (rf"^\(XEN\) I/O virtualisation {'enabled' if iommu else 'disabled'}$", r"^fact deflated: -65536 KiB$", r"^fact restored: 0 KiB$",
                 *((r"^\(XEN\) Interrupt remapping enabled$",) if iommu == "amd" else ()))
    rules = Expectation((*remapping, *expect), (*PANICS, "[Uu]nhandled", "cannot be emulated", "refused, reason"))
    machine = Machine("x86_64", features=",-xsave", disks=("ide-hd", "virtio-blk-pci"), network="e1000", reboots=True, threads="single",
                      iommu=iommu, **machine)
    return Check(f"x86_64-devices{name}", machine, DEVICES, {hypervisor: rules for hypervisor in hypervisors or (OURS, REFERENCE)}, timeout=1500)


def command_line(name):
    """Words for the hypervisor do what they say, and one that it does not know is named."""
    payload = replace(FACTS, hypervisor_words="loglvl=all maxcpus=2 dom0_max_vcpus=1 no_such_word=1 dtuart=/pl011@9000000:115200n8 "
                      "noreboot=off no-noreboot spec-ctrl=no,ssbd=runtime console_timestamps=boot maxcpus=what",
                      dom0_memory=512)
    expect = (r"^fact cpus: 1$", r"^fact balloon: 524288 KiB$", r"smp: Brought up 1 node, 1 CPU$",
              r"^\(XEN\) \[ +\d+\.\d{6}\] Brought up 2 CPUs", POWERED_OFF)
    ours = (r'^\(XEN\) parameter "no_such_word" unknown!', r"^\(XEN\) \[[0-9a-f]{16}\] Xen version", r'parameter "maxcpus" has invalid value "what", rc=-22!',
            r'parameter "spec-ctrl" has invalid value "no,ssbd=runtime", rc=-22!')    # "no" is x86's
    return Check(name, Machine("arm64", cpus=4), payload, {
        OURS: Expectation((*expect, *ours), (*CRASHES, 'parameter "(noreboot|dtuart)')),
        REFERENCE: Expectation(expect, CRASHES)})     # it says so before it has a console


def x86_consoles():
    """Words for the console, each boot as far as the kernel that is none: what is wrong is said where somebody listens."""
    second = ("-serial", "null", "-serial", "stdio")
    def row(name, words, expect, serial=second, reject=(), screen=None, **machine):
        payload = replace(NO_KERNEL, hypervisor_words=words, console=False)
        # QEMU's first serial port is where the harness listens; here it is another one.
        verdict = r"^\(XEN\) (Idle|\*\*\* Building|Brought up 1 CPUs)"
        rules = Expectation((*OUR_BANNER, *expect), reject, verdict=verdict, screen=screen)
        return Check(f"x86_64-console-{name}", Machine("x86_64", cpus=1, memory=512, serial=serial, **machine), payload, {OURS: rules})
    return [
        row("vga", "", (), serial=("-serial", "stdio"), screen=r"^\(XEN\) Brought up 1 CPUs$"),
        row("com2", "console=com2,vga com2=115200,8n1", ()),
        row("none-answers", "console=com1 com1=115200,8n1,0x3e8", (r"^\(XEN\) no port that console= names answers: using com2",),
            serial=("-serial", "none", "-chardev", "stdio,id=c", "-device", "isa-serial,chardev=c,iobase=0x2f8,irq=3")),
        row("card", "console=com1 com1=115200,8n1,pci", (), serial=(
            "-serial", "null", "-chardev", "stdio,id=c", "-device", "pci-serial,chardev=c")),
    ]


SHELL_DIALOGUE = (
    (r"^dom0# ", "cat /sys/hypervisor/type"), (r"^xen\n[^$]*^dom0# ", "cat /sys/hypervisor/version/minor"),
    (r"^17\n[^$]*^dom0# ", "grep -c xen-dyn /proc/interrupts"), (r"^[1-9]\d*\n[^$]*^dom0# ", "poweroff"))


def make_run(name, isa="arm64", **machine):
    """`make run` ends at a shell."""
    rules = Expectation((r"reboot: Power down",), CRASHES, SHELL_DIALOGUE)
    both = {OURS: rules, REFERENCE: rules}
    # Debian's Xen refuses a PVH dom0 without an IOMMU.
    return Check(f"{isa}-make-run-{name}", Machine(isa, loader="make-run", **machine), SHELL, both if isa == "arm64" else {OURS: rules})


REBOOT_DIALOGUE = ((r"^dom0# ", "reboot"),)


def arm64_task(task, *expect):
    """One of dom0's tasks by itself, then power off."""
    rules = Expectation((*expect, rf"^dom0: task {task} ended with 0$", POWERED_OFF), CRASHES)
    return Check(f"arm64-dom0-{task}", Machine("arm64"), SHELL.with_words(f"task={task}"),
                 {OURS: rules, REFERENCE: rules})


def differential(name, machine, payload, done):
    """A test guest that tells the same on both hypervisors, but for what its list of differences explains."""
    rules = Expectation((done,), (*CRASHES, "^guest failed"), verdict=done)
    guest = payload.kernel(machine.isa)
    listing = debian.ROOT / "Tests/Guests" / guest.name / guest.parent.name / "differences.txt"
    return Check(name, machine, payload, {OURS: rules, REFERENCE: rules}, differences=listing)


def hostile(isa, build):
    """Attacks that were once possible, then random hypercalls, from domains without privilege; a neighbour looks after its memory."""
    machine = Machine("arm64", memory=1024, build=build) if isa == "arm64" else replace(X86_SHELL, memory=1024, threads="single", build=build)
    return Check(f"{isa}-hostile{build}", machine, HOSTILE, {OURS: Expectation(
        (r"^hostile: rounds of the neighbour: ",), (*PANICS, "^guest failed"), verdict=r"^hostile done")})


def many_cpus(isa, cpus, vcpus=None, **row):
    """A machine of many processors gets dom0 to its init, with a few vCPUs or with all; idle ones keep out of the way."""
    words = f"dom0_max_vcpus={vcpus}" if vcpus else ""
    payload = replace(FACTS, dom0_memory=512).with_hypervisor_words(words)
    machine = Machine(isa, cpus=cpus, **({"features": ",-xsave", "iommu": "amd", "threads": "single"} if isa == "x86_64" else {}))
    init = r"^dom0: userspace reached"
    common = (rf"smp: Brought up 1 node, {plural(vcpus or cpus)}", rf"^\(XEN\) Brought up {cpus} CPUs")
    return Check(f"{isa}-{cpus}-cpus-dom0-{vcpus or 'all'}", machine, payload, {
        OURS: Expectation((*common, init), CRASHES, verdict=init), REFERENCE: Expectation((*common, init), CRASHES, verdict=init)}, **row)


def broad(isa, row):
    """Debian's kernel on one machine of many: it comes up with all its processors, answers, and turns the machine off."""
    fields = {key: value for key, value in row.items() if key not in ("release",)}
    # The faults of QEMU's SVM that docs/testing.md tells of do not show with one thread.
    machine = Machine(isa, **fields, **({"threads": "single"} if isa == "x86_64" else {}))
    few = row["cpus"] > 8
    payload = replace(FACTS, dom0_memory=breadth.dom0_memory(row)).with_hypervisor_words("dom0_max_vcpus=2" if few else "")
    # The kernel's own complaint of this processor: its cache lines are longer than it was built for, on bare metal too.
    reject = CRASHES
    if row["cpu"] == "a64fx":
        reject = (*(pattern for pattern in CRASHES if pattern not in ("WARNING: CPU", "Call trace:", "fact bad:")),
                  # To its end: lines come in pieces.
                  r"fact bad: (?!\[ *[\d.]+\] (WARNING: CPU: .* arch_setup_dma_ops|Call trace:))[^\n]*\n")
    rules = Expectation((*OUR_BANNER, r"^fact type: xen$", rf"^fact cpus: {2 if few else row['cpus']}$", r"^fact slept: 1$",
                         r"^dom0: task facts ended with 0$", POWERED_OFF), reject)
    return Check(breadth.name(isa, row), machine, payload.with_release(row["release"]), {OURS: rules})


def floor(name, machine, *hypervisors, **row):
    """As far as a hypervisor comes by itself: banner, memory by node, processors, ticking time, idle."""
    ours = Expectation(
        (*OUR_BANNER, *memory_by_node(machine),
         rf"^\(XEN\) Brought up {machine.cpus} CPUs",
         *(rf"^\(XEN\) Timer: CPU {cpu} ticked \d+ times" for cpu in range(machine.cpus))),
        CRASHES, verdict=r"^\(XEN\) (Idle|\*\*\* Building a PVH Dom0)")
    nodes = range(machine.nodes if machine.nodes > 1 else 0)
    reference = Expectation(
        (r"^\(XEN\) Xen version 4\.17\.", *(rf"^\(XEN\) SRAT: Node {node} PXM" for node in nodes)), CRASHES,
        verdict=rf"^\(XEN\) Brought up {machine.cpus} CPUs")
    both = {OURS: ours, REFERENCE: reference}
    return Check(name, machine, FLOOR, {name: both[name] for name in hypervisors or both}, **row)


REBOOTS = r"^\(XEN\) Reboot in five seconds\.\.\."
STAYS = r"^\(XEN\) Manual reset required \('noreboot' specified\)"


def bad_input(name, payload, ours, reference=None, verdict=REBOOTS, machine=Machine("arm64"), **row):
    """A plain message that names what is wrong, then reboot or halt as configured.

    `reference` is what Debian's Xen says; None where it hangs silently.
    """
    def expectation(message):
        return Expectation((r"^\(XEN\) Panic on CPU \d+:", message), ("userspace reached", POWERED_OFF), verdict=verdict)
    expectations = {OURS: expectation(ours)}
    if reference:
        expectations[REFERENCE] = expectation(reference)
    return Check(f"arm64-bad-{name}", machine, payload, expectations, **row)


def bad_tree(name, edit, ours, reference=None, **row):
    """Debian's Xen says nothing to most of these: it has no console yet."""
    return bad_input(name, replace(FACTS, edit_tree=edit), ours, reference,
                     machine=Machine("arm64", loader="patched-tree"), **row)


NOT_SET_UP = r"^\(XEN\) Could not set up DOM0 guest OS"
TOO_LARGE = replace(FACTS, dom0_memory=65536)
NOT_ALLOCATED = r"^\(XEN\) Failed to allocate requested dom0 memory"


X86_SHELL = Machine("x86_64", features=",-xsave", iommu="amd")
HOTPLUG = Expectation((*(rf"^fact {fact}$" for i in (1, 2, 3) for fact in (f"off {i}: 0", f"on {i}: 0-1")),
                       r"^dom0: task hotplug ended with 0$", POWERED_OFF), CRASHES)


def x86(**fields):
    return Machine("x86_64", memory=1024, **fields)


def kernel_at(name, payload, *said, iommu="", hypervisors=(OURS, REFERENCE), more=(), **machine):
    """A kernel linked low in memory says its lines on the debug port, and turns the machine off."""
    rules = Expectation(tuple(rf"^\(d0\) {line}$" for line in said), (*PANICS, "placed failed: "), verdict=r"^\(XEN\) Hardware Dom0 halted: halting machine")
    ours = replace(rules, expect=(*rules.expect, *more))
    return Check(f"x86_64-{name}{'-' + iommu if iommu else ''}", x86(features=",-xsave", iommu=iommu, **machine), payload,
                 {name: {OURS: ours, REFERENCE: rules}[name] for name in hypervisors if iommu or name == OURS})


def placed(place, linked, runs, **row):
    """All RAM of a PC's first 16 MiB is dom0's: 636 KiB and 15 MiB."""
    return kernel_at(f"placed-{place}", PLACED[place], f"placed: linked at {linked:08x}, runs at {runs:08x}",
                     f"placed: {636 + (15 << 10):08x} KiB of RAM below 16 MiB, and all RAM keeps what is written", **row)


BREADTH = [(isa, row) for isa in breadth.AXES for row in breadth.rows(isa)]
# Where a machine this large boots, no other does beside it.
LARGE_MEMORY = 8192

CHECKS = [
    *(broad(isa, row) for isa in breadth.AXES for row in breadth.sample(isa)),
    *(dom0(f"arm64-dom0-gicv{gic}-smp{cpus}", Machine("arm64", cpus=cpus, gic=gic), 1024)
      for gic in (3, 2) for cpus in (1, 2, 4)),
    *(dom0(f"arm64-dom0-checked-gicv{gic}", Machine("arm64", cpus=4, gic=gic, build="-checked"), 1024) for gic in (3, 2)),
    *(dom0(f"arm64-dom0-grub-uefi-smp{cpus}", Machine("arm64", cpus=cpus, nodes=nodes, loader="grub-uefi"), 1024)
      for cpus, nodes in ((2, 1), (4, 2))),
    dom0("arm64-dom0-numa", Machine("arm64", cpus=4, nodes=2), 1024),
    *(dom0(f"arm64-dom0-gicv3-{memory}m", Machine("arm64", memory=memory), dom0_memory)
      for memory, dom0_memory in ((512, 128), (8192, 2048))),
    *(dom0(f"arm64-dom0-gicv{gic}-2-level", Machine("arm64", gic=gic), 1024,
           "xen.fifo_events=0", "2-level") for gic in (3, 2)),
    command_line("arm64-command-line"),
    Check("arm64-shell", Machine("arm64"), SHELL, {
        hypervisor: Expectation((POWERED_OFF,), CRASHES, SHELL_DIALOGUE)
        for hypervisor in (OURS, REFERENCE)}),
    make_run("default"), make_run("gicv2", gic=2), make_run("smp1", cpus=1), make_run("smp4", cpus=4),
    make_run("512m", memory=512), make_run("8192m", memory=8192), make_run("gicv2-smp4", gic=2, cpus=4),
    Check("arm64-reboot", Machine("arm64"), SHELL, {
        hypervisor: Expectation((r"reboot: Restarting system",), (*PANICS, POWERED_OFF), REBOOT_DIALOGUE)
        for hypervisor in (OURS, REFERENCE)}),
    # A card that reaches the lower 4 GiB alone, where most of the machine's memory lies above.
    Check("arm64-network-8192m", Machine("arm64", memory=8192, network="e1000"),
          replace(DEVICES, words="console=hvc0 task=network", dom0_memory=2048), {hypervisor: Expectation(
              (rf"^fact download: {devices.download_sum()}$", r"^dom0: task network ended with 0$", POWERED_OFF),
              CRASHES)
              for hypervisor in (OURS, REFERENCE)}),
    arm64_task("balloon", r"^fact deflated: -65536 KiB$", r"^fact restored: 0 KiB$"),
    arm64_task("hotplug", *(rf"^fact {fact}$" for i in (1, 2, 3) for fact in (f"off {i}: 0", f"on {i}: 0-1"))),

    differential("arm64-differential", Machine("arm64", memory=1024), DIFFERENTIAL, r"^cases done"),
    differential("arm64-differential-checked", Machine("arm64", cpus=4, memory=1024, build="-checked"), DIFFERENTIAL, r"^cases done"),
    differential("x86_64-differential", replace(X86_SHELL, memory=1024), DIFFERENTIAL, r"^cases done"),
    differential("x86_64-differential-checked", replace(X86_SHELL, memory=1024, build="-checked"), DIFFERENTIAL, r"^cases done"),
    differential("x86_32-differential", replace(X86_SHELL, memory=1024), DIFFERENTIAL_32, r"^cases done"),

    # Ours alone: on Debian's Xen for arm64 a grant is unmapped wherever it is said to be.
    *(hostile(isa, build) for isa in ("arm64", "x86_64") for build in ("", "-checked")),

    Check("arm64-watchdog", Machine("arm64", memory=1024), WATCHDOG, {hypervisor: Expectation(
        (r"^poked for 4 seconds", r"^\(XEN\) Watchdog timer fired for domain 0",
         r"^\(XEN\) Hardware Dom0 shutdown: watchdog rebooting machine"), (*PANICS, "^guest failed", "nobody barked", POWERED_OFF))
        for hypervisor in (OURS, REFERENCE)}),
    # Ours alone. Port 1 is the guest's own, the others are counted.
    Check("arm64-three-level", Machine("arm64", memory=1024), THREE_LEVEL, {OURS: Expectation((
        r"^14 events came along", r"^10001 is the highest port", r"^10000 ports received one by one",
        r"^10000 ports received at once", r"^10000 ports received after they were unmasked",
        r"^4095 ports received on 2 levels after the reset", r"^three levels done", POWERED_OFF), (*CRASHES, "^guest failed"))}),

    # Other releases' kernels, and what distributions pack theirs with. Debian's Xen knows gzip alone on arm64.
    with_release(x86_dom0("", iommu="amd"), "trixie"), with_release(x86_dom0("", iommu="amd"), "bookworm-backports"),
    with_release(dom0("arm64-dom0-gicv2", Machine("arm64", gic=2), 1024), "trixie"),
    with_kernel(with_release(dom0("arm64-dom0-gicv3-gzip", Machine("arm64"), 1024), "trixie"),
                packed_kernel("gz", "gzip", "-n", release="trixie")),
    with_kernel(with_release(dom0("arm64-dom0-gicv3-zboot", Machine("arm64"), 1024, hypervisors=(OURS,)), "bookworm-backports"),
                packed_kernel("zboot", "zstd", release="bookworm-backports", wrap=zboot)),

    x86_dom0("", iommu="amd"),
    x86_dom0("-smp1", iommu="amd", cpus=1),
    x86_dom0("-smp4", iommu="amd", cpus=4),
    x86_dom0("-checked", OURS, iommu="amd", cpus=4, build="-checked"),
    x86_dom0("-xsave", OURS, features="", cpus=4, vectors="avx avx2 f16c fma xsave"),
    # Everything that is done around a guest on processors that need it, as far as the emulator's has it.
    x86_dom0("-guarded", OURS, hypervisor_words="spec-ctrl=rsb,verw,div-scrub", spoken=(
        r"^\(XEN\)   Xen settings: SPEC_CTRL: No, Other: VERW DIV$", r"^\(XEN\)   Support for HVM VMs: RSB VERW$")),
    x86_dom0("-intel-iommu", OURS, iommu="intel", features="", hypervisor_words="cpuid=no-f16c,no-avx2", vectors="avx fma xsave"),
    dom0("x86_64-dom0-8192m", Machine("x86_64", memory=8192, features=",-xsave"), 4096, hypervisors=(OURS,), more=PVH + PVH_SMP),
    *(x86_dom0(f"-{loader}", OURS, loader=loader) for loader in ("grub-bios", "grub-uefi", "ipxe")),
    make_run("default", isa="x86_64"), make_run("smp1", isa="x86_64", cpus=1), make_run("smp4", isa="x86_64", cpus=4),
    make_run("1024m", isa="x86_64", memory=1024), make_run("8192m", isa="x86_64", memory=8192),
    *(make_run(f"{iommu}-iommu", isa="x86_64", typed=(f"IOMMU={iommu}",)) for iommu in ("amd", "intel")),
    *(make_run(loader, isa="x86_64", typed=(f"LOADER={loader}",)) for loader in ("grub-bios", "grub-uefi", "ipxe")),
    Check("x86_64-shell", X86_SHELL, SHELL, {
        hypervisor: Expectation((POWERED_OFF,), CRASHES, SHELL_DIALOGUE) for hypervisor in (OURS, REFERENCE)}),
    Check("x86_64-reboot", X86_SHELL, SHELL, {
        hypervisor: Expectation((r"reboot: Restarting system",), (*PANICS, POWERED_OFF), REBOOT_DIALOGUE)
        for hypervisor in (OURS, REFERENCE)}),
    Check("x86_64-dom0-hotplug", X86_SHELL, SHELL.with_words("task=hotplug"), {OURS: HOTPLUG, REFERENCE: HOTPLUG}),
    x86_devices("", OURS),
    x86_devices("-amd-iommu", iommu="amd"),
    x86_devices("-intel-iommu", OURS, iommu="intel"),
    *(kernel_at("grub-pvh", GRUB_PVH, "Memory_op hypercall failed!", "System halted!", iommu=iommu) for iommu in ("", "amd")),
    *(placed(place, at << 20, at << 20, iommu=iommu) for place, at in (("1m", 1), ("2m", 2)) for iommu in ("", "amd")),
    # 4 MiB aligned, and below the 96th: what its note asks for.
    placed("moved", 0xc0000000, 0x5c00000, hypervisors=(OURS,), more=(r"^\(XEN\) d0 kernel: Moving \[0xc0000000, ",)),
    dom0("arm32-dom0", Machine("arm32", memory=2048), 512, pending=(OURS,)),

    *x86_consoles(),
    many_cpus("arm64", 8, 2), many_cpus("arm64", 8), many_cpus("arm64", 16, 2), many_cpus("arm64", 16), many_cpus("arm64", 40, 2, outruns=True), many_cpus("arm64", 40),
    many_cpus("x86_64", 8, 2), many_cpus("x86_64", 16, 2), many_cpus("x86_64", 16), many_cpus("x86_64", 40, 2, outruns=True), many_cpus("x86_64", 40),

    *(floor(f"x86_64-floor-{loader}-smp{cpus}", x86(cpus=cpus, nodes=nodes, loader=loader))
      for loader in ("direct", "grub-bios", "grub-uefi", "ipxe") for cpus, nodes in ((1, 1), (4, 2))),
    *(floor(f"x86_64-floor-pvh-smp{cpus}", x86(cpus=cpus, nodes=nodes, loader="pvh"), OURS)
      for cpus, nodes in ((1, 1), (4, 2))),
    Check("x86_64-floor-5m", replace(x86(), memory=5), replace(NO_KERNEL, dom0_memory=0), {OURS: Expectation(
        (r"^\(XEN\) No room for Xen's image at the top of memory: it stays at 0x200000", r"^\(XEN\) Brought up 2 CPUs"), CRASHES,
        verdict=r"^\(XEN\) Idle")}),
    *(floor(f"x86_64-floor-bochs-smp{cpus}", x86(cpus=cpus, loader="bochs")) for cpus in (1, 2)),
    *(floor(f"arm32-floor-smp{cpus}", Machine("arm32", cpus=cpus, memory=2048)) for cpus in (1, 2)),

    bad_input("no-kernel", NO_KERNEL, r"(?i)^\(XEN\) .*no dom0 kernel|kernel.*module", NOT_SET_UP),
    bad_input("truncated-kernel", TRUNCATED_KERNEL, r"(?i)^\(XEN\) .*kernel.*truncated"),
    bad_input("not-a-kernel", NOT_A_KERNEL, r"(?i)^\(XEN\) .*kernel.*not.* Image", NOT_SET_UP),
    bad_input("header-only", HEADER_ONLY, r"(?i)^\(XEN\) .*kernel.*(truncated|not.* Image)", NOT_SET_UP),
    bad_input("dom0-mem", TOO_LARGE, r"(?i)^\(XEN\) .*dom0.mem.* MB", NOT_ALLOCATED),
    bad_input("dom0-mem-noreboot", TOO_LARGE.with_hypervisor_words("noreboot"),
              r"(?i)^\(XEN\) .*dom0.mem.* MB", NOT_ALLOCATED, verdict=STAYS),
    bad_input("dom0-mem-reboots", TOO_LARGE, r"(?i)^\(XEN\) .*dom0.mem.* MB", NOT_ALLOCATED, verdict=None),
    bad_tree("tree-gic", tree_text(b"arm,gic-v3", b"arm,gic-v9"), r"(?i)^\(XEN\) .*GIC"),
    bad_tree("tree-size", tree_word(4, 0x7FFFFFFF), r"(?i)^\(XEN\) .*device tree.*size"),
    # The first port that there is a driver for tells of it, though nothing names it.
    bad_input("no-stdout-path", replace(NO_KERNEL, edit_tree=tree_text(b"stdout-path", b"stdout-name")),
              r"^\(XEN\) neither dtuart= nor stdout-path names a serial port: using the one at 0x9000000$",
              machine=Machine("arm64", loader="patched-tree")),
    *(Check(f"arm64-{name}-smp{cpus}", Machine("arm64", cpus=cpus, loader="patched-tree"), replace(payload, dom0_memory=1024), {OURS: Expectation(
        (*OUR_BANNER, rf"^\(XEN\) Brought up {cpus} CPUs", rf"smp: Brought up 1 node, {plural(cpus)}$", rf"^fact cpus: {cpus}$",
         r"^dom0: task facts ended with 0$"),
        CRASHES, verdict=r"^\(XEN\) The firmware has no way to turn the machine off")})
      for cpus in (1, 4) for name, payload in (("spin-table", spin_table(cpus)), ("psci-0.1", OLD_PSCI))),
    # Xilinx' board: RAM at 0 and behind a hole, a PL011 and a GICv3 elsewhere than virt's. Two of its four processors are real-time ones.
    dom0("arm64-versal", Machine("arm64", cpus=2, memory=4096, board="xlnx-versal-virt", loader="given-tree", extra=("-smp", "4")), 1024),
    # Each exception of a guest's calls the firmware, which is told to let loads wait for stores while the hypervisor runs, whatever dom0 wanted.
    *(Check(f"arm64-workarounds-{cpu}", Machine("arm64", loader="patched-tree", cpu=cpu, extra=("-machine", "secure=on")),
            replace(WORKAROUNDS, dom0_memory=1024), {OURS: Expectation(
                (*OUR_BANNER, rf"^\(XEN\) CPU1 will call ARM_SMCCC_ARCH_WORKAROUND_{number} on exception entry",
                 r"^fact cpus: 2$", r"^dom0: task facts ended with 0$", *counts, POWERED_OFF), CRASHES)})
      for cpu, number, *counts in (
          # Linux turns the protection off for its processes and on for itself.
          ("cortex-a72", 1, r"CPU features: detected: Spectre-v4", r"^firmware: (?!0{8})\w{8} (?!0{8}|0000000[1-9])\w{8} 0{8} 00000001"),
          ("cortex-a53", 3, r"^firmware: 0{8} 00000002 (?!0{8})\w{8} 00000001"))),
    Check("arm64-reserved-memory", Machine("arm64", memory=8192, loader="patched-tree"), RESERVED_MEMORY.with_release("trixie"), {
        hypervisor: Expectation((
            r"Reserved memory: created CMA memory pool at 0x0*[4-9a-f][0-9a-f]{7}, size 64 MiB",
            r"OF: reserved mem: 0x0*70000000\.\.0x0*701fffff \(2048 KiB\) nomap non-reusable kept@70000000", r"^dom0: task facts ended with 0$", POWERED_OFF),
            (*CRASHES, "failed to allocate memory for node")) for hypervisor in (OURS, REFERENCE)}),
    bad_tree("tree-magic", tree_word(0, 0xD00DFEEE), r"(?i)^\(XEN\) .*device tree.*magic"),
    bad_tree("tree-no-memory", tree_text(b"device_type", b"device_kind"), r"(?i)^\(XEN\) .*memory", NOT_SET_UP),
]
