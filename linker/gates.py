# SPDX-License-Identifier: Apache-2.0
"""What a linked image must not hold: runtime calls that allocate or count references, vector registers, a red zone.

Prints the size of the image and of its sections. Exit status 1 and a line for each finding where a gate is broken.
"""
import re
import subprocess
import sys

FORBIDDEN_SYMBOLS = re.compile(r"^(swift_retain|swift_release|swift_alloc|swift_once|swift_bridgeObject|posix_memalign|malloc|free$)")
# Vector registers in disassembly, and (x86) stores below the stack pointer.
VECTORS = {
    "aarch64": re.compile(r"\b[vqds]([0-9]|[12][0-9]|3[01])(\.|,|\b(?!\]))"),
    "arm": re.compile(r"\b[qds]([0-9]|[12][0-9]|3[01])\b"),
    "x86-64": re.compile(r"%[xyz]mm[0-9]|%mm[0-7]|%st\b"),
}
# The world switch moves the guest's vector registers: that is what it is for.
MOVERS = re.compile(r"^(arm64|arm32|x86)_(save|restore)_fp$")
RED_ZONE = re.compile(r"-0x[0-9a-f]+\(%rsp\)")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def findings(image):
    for line in run("llvm-nm", "--defined-only", image).splitlines():
        name = line.split(maxsplit=2)[2]
        if FORBIDDEN_SYMBOLS.match(name):
            yield f"symbol {name}"
    listing = run("llvm-objdump", "-d", "--no-show-raw-insn", image)
    lines = listing.splitlines()
    isa = next(isa for isa in VECTORS if isa in lines[1])
    vectors = VECTORS[isa]
    function = ""
    for line in lines:
        if line.endswith(">:"):
            function = line.split("<")[1][:-2]
            continue
        parts = line.split("\t")
        if len(parts) < 2 or MOVERS.match(function):
            continue
        operands = parts[-1].split("<")[0] if len(parts) > 2 else ""
        if vectors.search(operands):
            yield f"vector register in {function}: {line.strip()}"
        if isa == "x86-64" and RED_ZONE.search(operands):
            yield f"red zone in {function}: {line.strip()}"


def main(image):
    for line in run("llvm-size", "-A", image).splitlines():
        if line.startswith("."):
            name, size, *_ = line.split()
            print(f"  {name:12} {int(size):9}")
        elif line.startswith("Total"):
            print(f"  {'total':12} {int(line.split()[1]):9}")
    found = list(findings(image))
    for finding in found[:20]:
        print(f"gate: {finding}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
