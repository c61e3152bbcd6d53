# SPDX-License-Identifier: Apache-2.0
"""docs/abi.md: every hypercall and sub-operation of Xen 4.17, its state here, and the test that shows it.

Nothing in the page is typed by hand:
- names and numbers are those of Xen's public headers (Debian's libxen-dev);
- the state is read from the dispatch switches of Sources/Hypercalls: a case does something, or throws an error; a comment
  over it that begins with an error (`// -ENODEV: why`) says that, after the checks, it is all that comes of it;
- a test says what it shows by a line `/// Shows: NAME, NAME` in its doc comment (`# Shows:` before a row of checks.py,
  ` * Shows:` in a test guest);
- `/// Differs: NAME: reason` in the sources is listed as a difference, and so is what the lists of the guests that are
  compared with Debian's Xen explain.

`abi.py` writes the page; `abi.py --check` fails where it is stale, where a tag names nothing, or where an operation
that is done has no test.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests" / "Image"))
import differential

HEADERS = pathlib.Path("/usr/include/xen")
PAGE = ROOT / "docs" / "abi.md"

# hypercall, header, pattern of its operations' names, names that are no operations, Swift enum
FAMILIES = (
    ("event_channel_op", "event_channel.h", r"EVTCHNOP_\w+", r"^$", "EventChannelOp"),
    ("grant_table_op", "grant_table.h", r"GNTTABOP_\w+", r"^$", "GrantTableOp"),
    ("memory_op", "memory.h", r"XENMEM_[a-z]\w+", r"(paging|access|sharing)_op_|XENMEM_resource_", "MemoryOp"),
    ("memory_op", "memory.h", r"XENMAPSPACE_\w+", r"^$", "MapSpace"),
    ("memory_op", "memory.h", r"XENMEM_resource_\w+", r"grant_table_id|frame_bufioreq", "ResourceType"),
    ("sched_op", "sched.h", r"SCHEDOP_\w+", r"^$", "SchedOp"),
    ("vcpu_op", "vcpu.h", r"VCPUOP_\w+", r"^$", "VCPUOp"),
    ("xen_version", "version.h", r"XENVER_\w+", r"^$", "VersionOp"),
    ("hvm_op", "hvm/hvm_op.h", r"HVMOP_[a-z]\w+", r"HVMOP_altp2m_", "HVMOp"),
    ("physdev_op", "physdev.h", r"PHYSDEVOP_[a-z]\w+", r"^$", "PhysdevOp"),
    ("platform_op", "platform.h", r"XENPF_[a-z]\w+", r"^$", "PlatformOp"),
    ("console_io", "xen.h", r"CONSOLEIO_\w+", r"^$", "ConsoleIOOp"),
    ("vm_assist", "xen.h", r"VMASST_CMD_\w+", r"^$", "VMAssistCommand"),
    ("domctl", "domctl.h", r"XEN_DOMCTL_[a-z]\w+", r"_op_|XEN_DOMCTL_vmtrace_(enable|disable|reset|output|get|set)", "Domctl"),
    ("sysctl", "sysctl.h", r"XEN_SYSCTL_[a-z]\w+", r"^$", "Sysctl"),
    ("dm_op", "hvm/dm_op.h", r"XEN_DMOP_[a-z]\w+", r"^$", "DeviceModelOp"),
    ("hypfs_op", "hypfs.h", r"XEN_HYPFS_OP_[a-z]\w+", r"^$", "HypFSOp"),
    ("argo_op", "argo.h", r"XEN_ARGO_OP_[a-z]\w+", r"^$", "ArgoOp"),
    ("xenpmu_op", "pmu.h", r"XENPMU_[a-z]\w+", r"^$", "PMUOp"),
    ("xsm_op", "xsm/flask_op.h", r"FLASK_[A-Z]\w+", r"INTERFACE|FLASK_(IOMEM|OVERRIDE)", "FlaskOp"),
    ("kexec_op", "kexec.h", r"KEXEC_CMD_\w+", r"^$", "KexecOp"),
    ("xenoprof_op", "xenoprof.h", r"XENOPROF_[a-z]\w+", r"^$", "XenoprofOp"),
    ("callback_op", "callback.h", r"CALLBACKOP_\w+", r"^$", "CallbackOp"),
    ("nmi_op", "nmi.h", r"XENNMI_\w+", r"^$", "NMIOp"),
)
# Ours alone: docs/decisions and EVENT-CHANNELS give them numbers that Xen does not use.
PRIVATE = {"EventChannelOp": ("query_abis", "register_3level_bitmaps", "register_3level_selector")}


def squeeze(name):
    """The same for EVTCHNOP_bind_virq's last words and for bindVIRQ."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def header_names(header, pattern, excluded):
    """Names with their numbers, by number; a second name of a number comes after the first."""
    text = re.sub(r"/\*.*?\*/", " ", (HEADERS / header).read_text(errors="replace"), flags=re.S)
    found = re.findall(rf"^[ \t]*#define[ \t]+({pattern})[ \t]+\(?(0x[0-9a-fA-F]+|\d+)[uUlL]*\)?", text, re.M)
    names = {name: int(number, 0) for name, number in found if not re.search(excluded, name)}
    return sorted(names.items(), key=lambda item: item[1])


def swift_sources(*directories):
    for directory in directories:
        for path in sorted((ROOT / directory).rglob("*.swift")):
            yield path, path.read_text()


def enum_cases():
    """Enum -> {number: case}."""
    enums = {}
    for _, text in swift_sources("Sources/XenABI"):
        for match in re.finditer(r"enum (\w+): U?Int\d+\b[^{]*\{(.*?)^\}", text, re.M | re.S):
            cases = re.findall(r"^ +case (\w+) = (0x[0-9a-fA-F_]+|\d+)", match[2], re.M)
            enums[match[1]] = {int(number, 0): case for case, number in cases}
    return enums


def body_after(text, start):
    """What stands between the brace at or after `start` and its partner."""
    first = text.index("{", start)
    depth = 0
    for place in range(first, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[first + 1:place]
    raise ValueError("unbalanced braces")


def answers(body):
    """Case -> "" where it is done, else (error, note); "nil" for numbers that are no case. Only the switch's own cases."""
    result, note, depth, current, actions = {}, [], 0, [], {}
    indent = None
    for line in body.splitlines():
        stripped = line.strip()
        here = len(line) - len(line.lstrip())
        label = re.match(r"(case (.+?)|default):(?:\s+(.*))?$", stripped)
        if label and (indent is None or here == indent):
            indent = here
            names = re.findall(r"\.(\w+)|\b(nil)\b", label[2] or "")
            current = [a or b for a, b in names] if label[2] else ["default"]
            for name in current:
                actions[name] = (label[3] or "", " ".join(note))
            note = []
        elif stripped.startswith("//"):
            note.append(stripped.lstrip("/ "))
        else:
            for name in current:
                actions[name] = (actions[name][0] + " " + stripped, actions[name][1])
            note = []
    for name, (action, words) in actions.items():
        thrown = re.match(r"throw \.(\w+)$", action.strip())
        told = re.match(r"-(E\w+): (.*)", words)
        result[name] = (thrown[1].upper(), words) if thrown else told.groups() if told else ""
    return result


def switches():
    """Enum -> answers of the first switch over it in Sources/Hypercalls that has a case per operation."""
    found = {}
    for _, text in swift_sources("Sources/Hypercalls"):
        for match in re.finditer(r"switch (?:(\w+)\(rawValue:.*\{|\w+ \{  // (\w+))$", text, re.M):
            merged = found.setdefault(match[1] or match[2], {})
            for case, answer in answers(body_after(text, match.start())).items():
                merged.setdefault(case, answer)
    for _, text in swift_sources("Sources/Hypercalls"):
        match = re.search(r"switch hypercall \{", text)
        if match:
            found["Hypercall"] = answers(body_after(text, match.start()))
    return found


def state(table, case):
    """What a caller gets: "" for done, else (error, note)."""
    if case in table:
        return table[case]
    for other in ("default", "nil"):
        if other in table:
            return table[other] or ("done" if other == "default" else "")
    return ("ENOSYS", "")


def test_tags():
    """Operation -> tests that show it."""
    shows = {}
    for path, text in swift_sources("Tests"):
        suite = None
        for match in re.finditer(r"(?:struct|class|enum) (\w+)|((?: *///.*\n)+)\s*(?:@Test.*\n?)\s*(?:.*?func (\w+))", text):
            if match[1]:
                suite = match[1]
                continue
            tags = re.search(r"/// Shows: ((?:.*\n)(?: *///   .*\n)*)", match[2])
            if tags:
                for name in re.findall(r"\w+", tags[1]):
                    shows.setdefault(name, []).append(f"{suite}.{match[3]}")
    for path in sorted((ROOT / "Tests" / "Guests").rglob("*.c")):
        for match in re.finditer(r"Shows: ([\w, ]+)", path.read_text()):
            for name in re.findall(r"\w+", match[1]):
                shows.setdefault(name, []).append("guest " + path.stem)
    for match in re.finditer(r"# Shows: ([\w, ]+)\n\s*\w+\(\"([\w-]+)\"", (ROOT / "Tests/Image/checks.py").read_text()):
        for name in re.findall(r"\w+", match[1]):
            shows.setdefault(name, []).append(f"check {match[2]}")
    return shows


def differences():
    for _, text in swift_sources("Sources"):
        for match in re.finditer(r"/// Differs: (\w+): (.*(?:\n +/// {2,}.*)*)", text):
            yield match[1], re.sub(r"\s*\n +/// +", " ", match[2])
    for path in sorted((ROOT / "Tests" / "Guests").rglob("differences.txt")):
        yield from ((entry.operation, f"{path.parent.name}: {entry.reason}") for entry in differential.read_list(path.read_text()))


class Page:
    def __init__(self):
        self.enums, self.switches, self.tests = enum_cases(), switches(), test_tags()
        self.findings, self.known, self.lines, self.counts = [], set(), [], {"done": 0, "refused": 0}

    def row(self, name, number, answer, indent):
        self.known.add(name)
        tests = sorted(set(self.tests.get(name, ())))
        if answer == "" or answer == "done":
            self.counts["done"] += 1
            if not tests:
                self.findings.append(f"docs/abi.md: {name} is done, and no test says `Shows: {name}`")
            text, note = "done", ""
        else:
            self.counts["refused"] += 1
            text, note = f"-{answer[0]}", answer[1]
        if note:
            text += f": {note}"
        label = f"`{name}`" if not indent else f"&nbsp;&nbsp;`{name}`"
        self.lines.append(f"| {label} | {number} | {text} | {', '.join(tests)} |")

    def family(self, hypercall, family):
        _, header, pattern, excluded, enum = family
        table, cases = self.switches.get(enum), self.enums.get(enum, {})
        names = header_names(header, pattern, excluded)
        whole = state(self.switches["Hypercall"], hypercall)
        if whole:
            self.lines.append(f"| &nbsp;&nbsp;{len(names)} operations of {header} | | {f'-{whole[0]}'} | |")
            self.counts["refused"] += len(names)
            self.known.update(name for name, _ in names)
            return
        if table is None:
            raise SystemExit(f"abi.py: no switch over {enum} in Sources/Hypercalls")
        for name, number in names:
            self.row(name, number, state(table, cases.get(number, "?")), True)
        numbers = {number for _, number in names}
        for number, case in sorted(cases.items()):
            if number not in numbers and squeeze(case) in map(squeeze, PRIVATE.get(enum, ())):
                word = next(word for word in PRIVATE[enum] if squeeze(word) == squeeze(case))
                self.row(pattern.split("_")[0] + "_" + word, number, state(table, case), True)

    def make(self):
        hypercalls = header_names("xen.h", r"__HYPERVISOR_\w+", r"DOMCTL_INTERFACE|SYSCTL_INTERFACE")
        hypercalls += [item for item in header_names("argo.h", r"__HYPERVISOR_argo_op", "^$") if item not in hypercalls]
        listed = set()
        for name, number in sorted(dict(hypercalls).items(), key=lambda item: item[1]):
            if number in listed:
                continue
            listed.add(number)
            case = self.enums["Hypercall"].get(number, "?")
            families = [family for family in FAMILIES if name == "__HYPERVISOR_" + family[0]]
            answer = state(self.switches["Hypercall"], case)
            if families and not answer:
                self.lines.append(f"| **`{name}`** | {number} | by operation | |")
                self.known.add(name)
            else:
                self.row(name, number, answer, False)
            for family in families:
                self.family(case, family)
        for tag, tests in sorted(self.tests.items()):
            if tag not in self.known:
                self.findings.append(f"{tests[0]}: shows {tag}, which is no operation")
        return self.text()

    def text(self):
        different = [f"- `{name}`: {reason}" for name, reason in sorted(differences())]
        return "\n".join([
            "<!-- SPDX-License-Identifier: Apache-2.0 -->",
            "<!-- Made by `make abi`; `make lint` fails while it is stale. -->",
            "# The public interface, operation by operation",
            "",
            f"Every hypercall and sub-operation of Xen 4.17: {self.counts['done']} done, {self.counts['refused']} answered as where",
            "Xen has them compiled out, with the error number that the caller gets. Names and numbers come from Xen's public headers,",
            "the state from the dispatch of `Sources/Hypercalls`, the last column from the tests that say what they show.",
            "",
            "| operation | number | state | shown by |",
            "|---|---|---|---|",
            *self.lines,
            "",
            "## Differences from Xen 4.17",
            "",
            *(different or ["None is known."]),
            ""])


def findings():
    page = Page()
    text = page.make()
    if not PAGE.exists() or PAGE.read_text() != text:
        page.findings.append("docs/abi.md: stale; `make abi` writes it")
    return page.findings


def main():
    if "--check" in sys.argv[1:]:
        found = findings()
        for finding in found:
            print(finding, file=sys.stderr)
        return 1 if found else 0
    page = Page()
    PAGE.write_text(page.make())
    for finding in page.findings:
        print(finding, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
