# SPDX-License-Identifier: Apache-2.0
"""`make bench`: what an operation costs on our image and on Debian's Xen, counted in instructions.

One bench guest (Tests/Guests/bench) boots as dom0 on both, under -icount shift=0,sleep=off: one
instruction is one nanosecond of virtual time, and two runs give the same figures.
"""
import argparse
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import boot
import checks
import console
from checks import OURS, REFERENCE
from machines import Machine
from payloads import BENCH, BENCH_TWO_VCPUS, WAITS

# Rows that the guest measures again beside 50 idle domains, and then with many ports open and many grants mapped too, may cost
# this much more then.
LOADS, LOAD_TOLERANCE = (" (50 idle domains)", " (loaded)"), 1.05

# What ours may cost at most, in parts of what Debian's Xen does; and an exit and its return, with next to nothing between.
SHARE = {"x86_64": 0.5}
LIMITS = {"x86_64": {"null hypercall": 600, "CPUID": 600, "RDMSR of the APIC's base": 600, "x2APIC task priority write": 600,
                     "port that is trapped": 494}}

# Whatever a guest asks for, an interrupt waits for so many instructions at most.
WAIT, LONGEST_WAIT = "longest wait, ", 100_000

BOOT_ROW = "boot to the first dom0 instruction"


def machine(isa="arm64", **fields):
    return Machine(isa, **{"cpus": 1, "memory": 1024, "icount": True, **fields})


def pc(**fields):
    """Debian's Xen wants an IOMMU for a PVH dom0."""
    return machine("x86_64", features=",-xsave", iommu="amd", **fields)


PING_PONG_ROW = "ping-pong of two vCPUs"

# (title, machine, guest, rows to show: None is all)
CONFIGURATIONS = (
    ("arm64, GICv3, 1 GB", machine(), BENCH, None),
    ("arm64, GICv3, 4 GB", machine(memory=4096), BENCH, (BOOT_ROW,)),
    ("arm64, GICv2, 1 GB", machine(gic=2), BENCH, None),
    ("arm64, interrupts that wait", machine(), WAITS, None),
    ("x86_64, 1 CPU, 1 GB", pc(), BENCH_TWO_VCPUS, None),
    ("x86_64, 2 CPUs, 1 GB", pc(cpus=2), BENCH_TWO_VCPUS, (PING_PONG_ROW,)),
    ("x86_64, interrupts that wait", pc(), WAITS, None),
)


NOTES = {"x86_64": "QEMU's SVM does not save where the next instruction starts (no NRIPS): most of these cost Debian's Xen "
                   "about 4,900 for decoding one in software."}


def measure(title, row_machine, payload, hypervisor):
    """{operation: instructions} of one boot; what was printed before a failure still counts."""
    name = re.sub(r"\W+", "-", "bench " + title).lower()
    rules = checks.Expectation((r"^bench done",), (r"^guest failed.*", *checks.CRASHES), verdict=r"^bench done")
    judge, failure = console.Judge(**vars(rules)), None
    try:
        if hypervisor == REFERENCE:
            judge.text = boot.reference_text(name, row_machine, payload, rules, timeout=600)
        else:
            words = boot.command(row_machine, hypervisor, payload, name)
            failure, _, _ = console.run(words, judge, boot.LOGS / boot.directory(hypervisor) / f"{name}.log", timeout=600)
    except (FileNotFoundError, RuntimeError) as error:
        return {}, str(error)
    found = re.findall(r"^bench: (.+): (\d+)$", judge.text, re.M)
    return {operation: int(value) for operation, value in found}, failure


def show(title, wanted, columns):
    """One table; returns [(operation, why it costs too much or None)] where both are known."""
    results = {hypervisor: values for hypervisor, (values, _) in columns.items()}
    operations = list(dict.fromkeys(row for values in results.values() for row in values))
    print(f"\n{title:53}" + "".join(f"{hypervisor:>14}" for hypervisor in columns) +
          (f"{'ratio':>8}" if len(columns) > 1 else ""))
    compared = []
    for operation in (row for row in operations if wanted is None or row in wanted):
        values = [results[hypervisor].get(operation) for hypervisor in columns]
        line = f"  {operation:51}" + "".join(f"{'-' if v is None else format(v, ','):>14}" for v in values)
        ours, reference = (results.get(hypervisor, {}).get(operation) for hypervisor in (OURS, REFERENCE))
        if ours is not None and (reference or operation.startswith(WAIT)):
            compared.append((f"{title}: {operation}", too_dear(operation, title.partition(",")[0], ours, reference)))
            line += f"{ours / reference:8.2f}" if reference else ""
        print(line)
    for hypervisor, (_, failure) in columns.items():
        if failure:
            print(f"  {hypervisor}: {failure}")
    for isa, note in NOTES.items():
        if title.startswith(isa):
            print(f"  {note}")
    return compared


def too_dear(operation, isa, ours, reference):
    """Why an operation costs too much, or None."""
    if operation.startswith(WAIT):
        return f"an interrupt waits for more than {LONGEST_WAIT}" if ours > LONGEST_WAIT else None
    limit = LIMITS.get(isa, {}).get(operation)
    if limit and ours > limit:
        return f"costs more than {limit}"
    share = SHARE.get(isa, 1)
    if ours > share * reference:
        return f"costs more than {share} of what it costs on Debian's Xen" if share != 1 else "costs more than on Debian's Xen"
    return None


def grown(values):
    """Operations that cost too much more under load."""
    return [operation for operation, value in values.items() for load in LOADS
            if operation.endswith(load) and value > LOAD_TOLERANCE * values[operation.removesuffix(load)]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hypervisor", default=f"{REFERENCE},{OURS}", help="columns, separated by commas")
    parser.add_argument("--isa", default="", help="of one ISA only")
    parser.add_argument("--select", default="", help="regexp that selects configurations")
    parser.add_argument("--gate", action="store_true", help="fail where ours costs more than it may")
    arguments = parser.parse_args()
    hypervisors = arguments.hypervisor.split(",")
    rows = [row for row in CONFIGURATIONS if re.search(arguments.select, row[0]) and arguments.isa in ("", row[1].isa)]
    with ThreadPoolExecutor(2) as pool:
        jobs = {(title, hypervisor): pool.submit(measure, title, row_machine, payload, hypervisor)
                for title, row_machine, payload, _ in rows for hypervisor in hypervisors if payload is not WAITS or hypervisor == OURS}
    print("instructions per operation")
    results = {job: pending.result() for job, pending in jobs.items()}
    compared = [entry for title, _, _, wanted in rows for entry in show(
        title, wanted, {hypervisor: results[title, hypervisor] for hypervisor in hypervisors if (title, hypervisor) in results})]
    failures = [failure for _, failure in results.values() if failure]
    loaded = [f"{title}: {operation}" for (title, hypervisor), (values, _) in results.items()
              if hypervisor == OURS for operation in grown(values)]
    dearer = [(operation, reason) for operation, reason in compared if reason]
    if arguments.gate:
        for operation, reason in dearer:
            print(f"FAIL  {operation}: {reason}")
        for operation in loaded:
            print(f"FAIL  {operation}: costs more than {LOAD_TOLERANCE} times what it costs without load")
        print(f"{len(compared) - len(dearer)} passed, {len(dearer) + len(loaded) + len(failures)} failed")
    return 1 if failures or (arguments.gate and (dearer or loaded)) else 0


if __name__ == "__main__":
    console.stop_together()
    sys.exit(main())
