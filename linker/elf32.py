# SPDX-License-Identifier: Apache-2.0
"""The x86 image as loaders take it: an ELF32 around the flat bytes of the linked ELF64.

elf32.py LINKED FLAT OUTPUT [--without-multiboot1]

One loadable segment at 2 MiB (Xen's place) that holds the multiboot headers near its start, and the note
XEN_ELFNOTE_PHYS32_ENTRY for PVH. Loaders that find a multiboot 1 header look no further, so a variant can be made in which
its magic number is zero.
"""
import argparse
import struct
import subprocess

LOAD_ADDRESS = 0x200000
SEGMENT_OFFSET = 0x1000
NOTE_OFFSET = 0x100
PT_LOAD, PT_NOTE = 1, 4
READ, WRITE, EXECUTE = 4, 2, 1
PHYS32_ENTRY = 18                       # Xen: xen/include/public/elfnote.h
MULTIBOOT1_MAGIC = struct.pack("<I", 0x1BADB002)


def symbols(linked):
    lines = subprocess.run(["llvm-nm", linked], check=True, capture_output=True, text=True).stdout.splitlines()
    return {name: int(address, 16) for address, _, name in (line.split(maxsplit=2) for line in lines if line[0] != " ")}


def note(entry):
    return struct.pack("<III4sI", 4, 4, PHYS32_ENTRY, b"Xen\0", entry)


def header(entry, headers):
    identification = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)     # 32 bits, little-endian, version 1
    return identification + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, entry, 52, 0, 0, 52, 32, headers, 0, 0, 0)


def program_header(kind, offset, address, file_size, memory_size, flags, alignment):
    return struct.pack("<8I", kind, offset, address, address, file_size, memory_size, flags, alignment)


def wrap(flat, names):
    place = {name: LOAD_ADDRESS + address - names["_start"] for name, address in names.items()}
    phys32 = note(place["pvh_entry"])
    head = header(place["_start"], 2) + program_header(
        PT_LOAD, SEGMENT_OFFSET, LOAD_ADDRESS, len(flat), place["_image_end"] - LOAD_ADDRESS, READ | WRITE | EXECUTE, 0x1000
    ) + program_header(PT_NOTE, NOTE_OFFSET, 0, len(phys32), len(phys32), READ, 4)
    return head.ljust(NOTE_OFFSET, b"\0") + phys32.ljust(SEGMENT_OFFSET - NOTE_OFFSET, b"\0") + flat


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("linked")
    parser.add_argument("flat")
    parser.add_argument("output")
    parser.add_argument("--without-multiboot1", action="store_true")
    arguments = parser.parse_args()
    with open(arguments.flat, "rb") as file:
        flat = file.read()
    if arguments.without_multiboot1:
        assert MULTIBOOT1_MAGIC in flat[:4096]
        flat = flat.replace(MULTIBOOT1_MAGIC, bytes(4), 1)
    with open(arguments.output, "wb") as file:
        file.write(wrap(flat, symbols(arguments.linked)))


if __name__ == "__main__":
    main()
