# SPDX-License-Identifier: Apache-2.0
"""House rules that a program can check (docs/architecture.md). Prints each finding; exit status 1 where there is one.

Prints how often each module says `unsafe`, so that a change of the number is seen.
"""
import pathlib
import re
import subprocess
import sys

import abi

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Layers 0-4: pure Swift, no machine. Base has one file that reads literals, Memory and Containers the direct map's side.
PORTABLE = ("XenABI", "Base", "Machine", "Sync", "Containers", "Memory", "P2M", "EventChannels", "GrantTables", "Scheduler",
            "Timekeeping", "VirtualGIC", "Firmware", "Decompression", "Domains", "Hypercalls", "DomainBuilder")
MAY_BE_UNSAFE = {"Sync", "Containers", "Memory"}
# Literal text has no safe access in Swift 6.3: one file each.
UNSAFE_FILES = {"Sources/Base/StaticText.swift", "Sources/Machine/LogLine.swift", "Sources/Machine/FrameMemory.swift"}
UNSAFE = re.compile(r"(^|[^A-Za-z@.\"_-])unsafe\b|@unchecked|nonisolated\(unsafe\)")
SOURCES = {".swift", ".c", ".h", ".S", ".ld", ".py"}


def tracked():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in names.stdout.splitlines() if (ROOT / name).is_file()]


def without_comments(text):
    return [line.split("//")[0] for line in text.splitlines()]


def findings(path, counts):
    name = str(path.relative_to(ROOT))
    text = path.read_text(errors="replace")
    if path.suffix in SOURCES and "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.split("\n")[:2]):
        yield f"{name}: no SPDX line at the top"
    if not name.startswith("Sources/") or path.suffix != ".swift":
        return
    module = name.split("/")[1]
    uses = sum(1 for line in without_comments(text) if UNSAFE.search(line))
    counts[module] = counts.get(module, 0) + uses
    if module in PORTABLE:
        if uses and module not in MAY_BE_UNSAFE and name not in UNSAFE_FILES:
            yield f"{name}: {uses} lines say unsafe, and {module} is to have none"
        if re.search(r"#if\s+(arch|os)\(", text):
            yield f"{name}: conditional on the machine, in a portable layer"
    if text.count("\n") > 500:
        yield f"{name}: longer than 500 lines"


def advisories():
    """docs/advisories.md names host tests as `<file>.<test>`: each must be there."""
    for file, test in sorted(set(re.findall(r"`(\w+(?:Tests|Laws))\.(\w+)`", (ROOT / "docs/advisories.md").read_text()))):
        sources = [path.read_text() for path in ROOT.glob(f"Tests/*/{file}.swift")]
        if not any("@Test" in text and f"func {test}(" in text for text in sources):
            yield f"docs/advisories.md: there is no test {file}.{test}"


def advisory_numbers():
    """Every number that xen.git's history names stands in docs/advisories.md once: as a row's, or in a list."""
    text, history = (ROOT / "docs/advisories.md").read_text().split("\n## Numbers\n")
    known = [number for first, last in re.findall(r"(\d+)(?:-(\d+))?", history.split(":", 1)[1])
             for number in range(int(first), int(last or first) + 1)]
    listed = [int(number) for row in re.findall(r"^\|(?: \d+ \|| [^|]+ \|(?: \d+)+ \|$)", text, re.M)
              for number in re.findall(r"(?<=[|\d] )\d+(?= )", row)]
    for number in sorted(set(known) - set(listed)):
        yield f"docs/advisories.md: nothing is said of {number}"
    for number in sorted({number for number in listed if listed.count(number) > 1}):
        yield f"docs/advisories.md: {number} stands there twice"


def options():
    """docs/command-line.md says of every option that Xen knows what it does here."""
    known = set(re.findall(r"[\w.\[-]+", " ".join(re.findall(
        r'StaticString \{\s*"+(.*?)"+\s*\}', (ROOT / "Sources/Firmware/KnownOptions.swift").read_text(), re.S)).replace("\\\n", " ")))
    rows = [row.split(" | ")[0] for row in (ROOT / "docs/command-line.md").read_text().splitlines() if row.startswith("| `")]
    listed = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    for name in sorted(known ^ set(listed)):
        yield f"docs/command-line.md, Sources/Firmware/KnownOptions.swift: {name} stands in one of them alone"
    for name in sorted({name for name in listed if listed.count(name) > 1}):
        yield f"docs/command-line.md: {name} stands there twice"


def main():
    counts, found = {}, []
    for path in tracked():
        found += findings(path, counts)
    print("unsafe, lines by module: " + ", ".join(f"{m} {n}" for m, n in sorted(counts.items()) if n))
    found += abi.findings()
    found += advisories()
    found += advisory_numbers()
    found += options()
    for finding in found:
        print(finding, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
