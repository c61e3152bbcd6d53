# SPDX-License-Identifier: Apache-2.0
"""Names of functions for backtraces: reads `nm -n`, writes an assembly file with one sorted table.

Layout of section .symbols: u32 count; then per function u32 offset from _start and u32 offset of its name; then the
names, each ended by a zero byte. Swift's names are written as a person would write them.
"""
import subprocess
import sys


def readable(names):
    """Swift's mangled names without types and modules; any other name as it is."""
    done = subprocess.run(["swift", "demangle", "--simplified", "--compact"], input="\n".join(names), check=True,
                          capture_output=True, text=True).stdout.splitlines()
    assert len(done) == len(names)
    return [name.replace("specialized ", "").replace("\\", "").replace('"', "") for name in done]


functions = []
start = None
for line in sys.stdin:
    address, kind, name = line.split(maxsplit=2)
    name = name.strip()
    if name == "_start":
        start = int(address, 16)
    if kind in "tT" and not name.split(".")[0] in ("$x", "$d", "$a", "$t"):
        functions.append((int(address, 16), name))
names = readable([name for _, name in functions])

print('    .section .symbols, "a"\n    .balign 4')
print(f"    .long {len(functions)}")
offset = 0
for (address, _), name in zip(functions, names):
    print(f"    .long {max(address - start, 0)}, {offset}")
    offset += len(name.encode()) + 1
for name in names:
    print(f'    .asciz "{name}"')
