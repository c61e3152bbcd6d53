# SPDX-License-Identifier: Apache-2.0
"""`make test`: runs every stage, counts its checks, and ends with one line: N passed, N failed.

Compilers keep one processor busy most of the time: what boots is built beside the host tests.
"""
import re
import resource
import subprocess
import sys
import time
import xml.etree.ElementTree as XML
from concurrent.futures import ThreadPoolExecutor

import debian

IMAGES = ("arm64", "arm64-checked", "x86_64", "x86_64-checked", "arm32")
UNIT_RESULTS = debian.BUILD / "unit-swift-testing.xml"
HARNESS = debian.ROOT / "Tests/Image"
TAIL_LINES = 60


def stage(*command, log=None):
    """`log` has what a command says that runs beside another."""
    print(f"==> {' '.join(map(str, command))}" + (f" (beside, see {log})" if log else ""), flush=True)
    if not log:
        return subprocess.run(command, cwd=debian.ROOT).returncode
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        code = subprocess.run(command, cwd=debian.ROOT, stdout=file, stderr=subprocess.STDOUT).returncode
    if code:
        tail = "".join(f"    | {line}\n" for line in log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        print(f"FAIL  {' '.join(map(str, command))}:\n{tail}", end="", flush=True)
    return code


def one(*command, log=None):
    """A command that is one check."""
    failed = stage(*command, log=log) != 0
    return int(not failed), int(failed)


def host_tests():
    """Every host test counts. A build that fails, or a crash, leaves no results and is one failure."""
    UNIT_RESULTS.unlink(missing_ok=True)
    code = stage("make", "--no-print-directory", "unit")
    if not UNIT_RESULTS.exists():
        return 0, 1
    results = XML.parse(UNIT_RESULTS).getroot().iter("testsuite")
    tests, failures, skipped = map(sum, zip(*(
        [int(suite.get(key, 0)) for key in ("tests", "failures", "skipped")] for suite in results)))
    return tests - failures - skipped, max(failures, int(code != 0))


def harness_tests():
    return one(sys.executable, "-m", "unittest", "discover", "-q", "-s", HARNESS, "-p", "test_*.py")


def boots():
    tally = debian.BUILD / "boots.tally"
    tally.unlink(missing_ok=True)
    code = stage(sys.executable, HARNESS / "boot.py", "check", "--tally", tally)
    if not tally.exists():
        return 0, 1
    passed, failed = map(int, tally.read_text().split())
    return passed, max(failed, int(code != 0))


def costs():
    """`make bench` as one check: nothing costs more than on Debian's Xen."""
    return one("make", "--no-print-directory", "bench-gate")


def beside(target):
    """A target of the Makefile as one check."""
    return one("make", "--no-print-directory", target, log=debian.BUILD / "logs/stages" / f"{re.sub('/', '-', target)}.log")


BESIDE = {
    **{f"image {name}": lambda name=name: beside(f"build/{name}/xen") for name in IMAGES},
    "guests": lambda: beside("guests"),
    "lint": lambda: beside("lint"),
}
STAGES = {
    "host tests": host_tests,
    "harness tests": harness_tests,
}
BOOTS = {
    "boots": boots,
    "costs": costs,
}


def run(stages):
    """{stage: (passed, failed, seconds)}."""
    results = {}
    for name, stage in stages.items():
        start = time.monotonic()
        counts = stage()
        results[name] = (*counts, time.monotonic() - start)
    return results


def main():
    start = time.monotonic()
    with ThreadPoolExecutor(2) as lanes:
        lines = [lanes.submit(run, stages) for stages in (STAGES, BESIDE)]
    results = {name: counts for line in lines for name, counts in line.result().items()} | run(BOOTS)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print("==> summary")
    for name, counts in results.items():
        print(f"{name:20} {counts[0]} passed, {counts[1]} failed ({counts[2]:.0f} s)")
    print(f"{time.monotonic() - start:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processor time")
    passed, failed = (sum(counts[which] for counts in results.values()) for which in (0, 1))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
