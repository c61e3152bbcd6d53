# SPDX-License-Identifier: Apache-2.0
"""Compares what a test guest tells on our image with what it tells on Debian's Xen, line by line.

Differences that are meant stand in a file, which docs/abi.md is made from too:

    OPERATION: why the two differ
        CASE                    as the guest names it; * stands for anything
        CASE

A listed case that no longer differs is as wrong as one that differs and is not listed.
"""
import fnmatch
import re
from dataclasses import dataclass

CASE = re.compile(r"^case: ([^/\n]+)/([^\n]*?): ([^\n]*)$", re.M)
SHOWN = 40      # differences of a failure


@dataclass(frozen=True)
class Listed:
    """One reason for one operation, and the cases that it explains."""
    operation: str
    reason: str
    cases: tuple

    def explains(self, operation, case):
        return operation == self.operation and any(fnmatch.fnmatchcase(case, pattern) for pattern in self.cases)


def read_list(text):
    """[Listed] of a file's text. Raises ValueError for a line that is neither a reason nor a case."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace() and entries:
            operation, reason, cases = entries[-1]
            entries[-1] = operation, reason, (*cases, line.strip())
            continue
        operation, colon, reason = line.partition(": ")
        if not colon or line[0].isspace():
            raise ValueError(f"line {number}: neither a reason nor a case: {line}")
        entries.append((operation, reason, ()))
    return [Listed(*entry) for entry in entries]


def results(text):
    """{(operation, case): result} of a console. Raises ValueError where a case is told twice."""
    found = {}
    for operation, case, result in CASE.findall(text):
        if (operation, case) in found:
            raise ValueError(f"told twice: {operation}/{case}")
        found[operation, case] = result
    return found


def problems(ours, reference, entries):
    """What is wrong, one line each. `ours` and `reference` are `results`."""
    different = [key for key in {**ours, **reference} if ours.get(key) != reference.get(key)]
    lines = [f"{'/'.join(key)}: Debian's Xen {reference.get(key, 'silent')}, ours {ours.get(key, 'silent')}" for key in different
             if not any(entry.explains(*key) for entry in entries)]
    for entry in entries:
        for pattern in entry.cases:
            if not any(entry.operation == operation and fnmatch.fnmatchcase(case, pattern)
                       for operation, case in different):
                lines.append(f"listed, but there is no such difference: {entry.operation}/{pattern}")
    return lines


def compare(ours, reference, listing):
    """The reason why two consoles do not agree as `listing` says, or None."""
    try:
        lines = problems(results(ours), results(reference), read_list(listing))
    except ValueError as error:
        return str(error)
    if not lines:
        return None
    more = f"\n    and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return "not as on Debian's Xen:" + "".join(f"\n    {line}" for line in lines[:SHOWN]) + more
