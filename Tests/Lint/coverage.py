# SPDX-License-Identifier: Apache-2.0
"""`make coverage`: lines of each module that the host tests run, from what `swift test --enable-code-coverage` has left.

usage: coverage.py SCRATCH [MODULE]   with a module: the lines of it that no test runs
"""
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What issue 3 calls the core: at least so much of each.
CORE = ("XenABI", "EventChannels", "GrantTables", "P2M", "Memory", "Hypercalls", "Domains")
WANTED = 95.0
# The toolchain's own: profiles of one version of LLVM cannot be read by another.
LLVM_COV = pathlib.Path(shutil.which("swift")).resolve().parent / "llvm-cov"


def export(scratch, *options):
    debug = ROOT / scratch / "debug"
    binary = next(path for path in debug.glob("*.xctest") if path.is_file())
    return subprocess.run(
        [LLVM_COV, "export", f"-instr-profile={debug}/codecov/default.profdata", *options, str(binary), "Sources"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout


def modules(scratch):
    """Module -> [lines run, lines]."""
    totals = {}
    for file in json.loads(export(scratch, "-summary-only"))["data"][0]["files"]:
        parts = pathlib.Path(file["filename"]).relative_to(ROOT).parts
        if parts[0] != "Sources":
            continue
        total = totals.setdefault(parts[1], [0, 0])
        total[0] += file["summary"]["lines"]["covered"]
        total[1] += file["summary"]["lines"]["count"]
    return totals


def missing(scratch, module):
    """The lines of a module that no test runs."""
    for record in export(scratch, "-format=lcov").split("end_of_record"):
        name, lines = None, []
        for line in record.splitlines():
            if line.startswith("SF:"):
                name = pathlib.Path(line[3:])
            elif line.startswith("DA:"):
                number, count = line[3:].split(",")[:2]
                if count == "0":
                    lines.append(int(number))
        if name and lines and f"/Sources/{module}/" in str(name):
            text = name.read_text().splitlines()
            for number in lines:
                print(f"{name.relative_to(ROOT)}:{number}: {text[number - 1].strip()}")


def main():
    if len(sys.argv) > 2:
        return missing(sys.argv[1], sys.argv[2])
    low = 0
    for module, (run, lines) in sorted(modules(sys.argv[1]).items()):
        share = 100 * run / lines if lines else 100.0
        isLow = module in CORE and share < WANTED
        low += isLow
        print(f"{module:16} {run:6} of {lines:6} lines {share:6.1f} %{'   too few' if isLow else ''}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
