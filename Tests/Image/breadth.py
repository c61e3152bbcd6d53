# SPDX-License-Identifier: Apache-2.0
"""Breadth: Debian's kernels x loaders x machines, as rows that between them have every pair of values.

`make breadth` boots them all, `make test` a few that change with every commit, `make soak ONLY=breadth N=10` all of them over and over.
A new value of an axis is a word in AXES.
"""
import itertools
import subprocess

import debian

AXES = {
    "arm64": {
        "release": (debian.HOST, "bullseye", "bookworm-backports", "trixie", "sid"),
        "loader": ("direct", "grub-uefi"),
        "cpus": (2, 1, 8, 40),
        "memory": (3072, 512, 8192, 16384),
        "cpu": ("cortex-a72", "cortex-a57", "cortex-a76", "neoverse-n1", "a64fx", "max"),
        "gic": (3, 2),
    },
    "x86_64": {
        "release": (debian.HOST, "bullseye", "bookworm-backports", "trixie", "sid"),
        "loader": ("direct", "grub-bios", "grub-uefi", "ipxe"),
        "cpus": (2, 1, 8, 40),
        "memory": (3072, 512, 8192, 16384),
        "cpu": ("EPYC", "EPYC-Rome", "EPYC-Milan", "Opteron_G3", "Opteron_G5,+xsaveopt", "phenom", "max", "Opteron_G1", "Opteron_G4,+xsaveopt"),
        "board": ("q35", "pc"),
        "iommu": ("", "amd", "intel"),
    },
}

# Of those that `make test` boots: what fits beside another boot, in seconds and in memory, of releases that the other rows have, too.
SAMPLE = 2
SMALL = {"cpus": (1, 2), "memory": (512, 3072, 8192), "release": (debian.HOST, "trixie")}


def possible(row):
    """Machines that there are: a GICv2 has 8 processors at most and no A64FX (Linux hangs there on QEMU, on Debian's Xen and on none, too), and
    remapping units sit on a q35."""
    return not (row.get("gic") == 2 and (row["cpus"] > 8 or row["cpu"] == "a64fx") or row.get("board") == "pc" and row["iommu"])


def covering(axes):
    """Few rows with every possible pair of values: each next one is that with the most new pairs; the first such, so it never changes."""
    rows = [row for values in itertools.product(*axes.values()) if possible(row := dict(zip(axes, values)))]
    candidates = [(row, frozenset(itertools.combinations(row.items(), 2))) for row in rows]
    missing = set().union(*(pairs for _, pairs in candidates))
    chosen = []
    while missing:
        row, covered = max(candidates, key=lambda candidate: len(candidate[1] & missing))
        chosen.append(row)
        missing -= covered
        candidates = [(row, left) for row, pairs in candidates if (left := pairs & missing)]
    return chosen


def name(isa, row):
    words = {**row, "release": row["release"] or "bookworm", "cpus": f"{row['cpus']}cpu", "memory": f"{row['memory']}m"}
    if "gic" in row:
        words["gic"] = f"gicv{row['gic']}"
    # Names are directories', and a comma ends a file's name for QEMU.
    return "-".join(("breadth", isa, *(str(word).replace(",+", "-") for word in words.values() if word)))


def sample(isa):
    """`SAMPLE` rows with every pair of small values, others with each commit."""
    done = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=debian.ROOT, capture_output=True, text=True)
    start = int(done.stdout or 0) * SAMPLE
    small = covering({axis: [value for value in values if value in SMALL.get(axis, values)] for axis, values in AXES[isa].items()})
    return [small[(start + index) % len(small)] for index in range(SAMPLE)]


def rows(isa):
    return covering(AXES[isa])


def dom0_memory(row):
    return {512: 224, 3072: 1024}.get(row["memory"], 2048)
