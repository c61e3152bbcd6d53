# SPDX-License-Identifier: Apache-2.0
"""`make test`: runs every stage, counts its checks, and ends with one line: N passed, N failed."""
import subprocess
import sys
import xml.etree.ElementTree as XML

import bench
import debian

IMAGES = ("arm64", "arm64-checked", "x86_64", "x86_64-checked", "arm32")
UNIT_RESULTS = debian.BUILD / "unit-swift-testing.xml"
HARNESS = debian.ROOT / "Tests/Image"


def stage(*command):
    print(f"==> {' '.join(map(str, command))}", flush=True)
    return subprocess.run(command, cwd=debian.ROOT).returncode


def one(*command):
    """A command that is one check."""
    failed = stage(*command) != 0
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
    return one("make", "--no-print-directory", "bench-gate") if bench.GATE_ENABLED else None


def make(target):
    """A target of the Makefile as one check; None where the Makefile does not have it yet."""
    known = subprocess.run(["make", "-n", target], cwd=debian.ROOT, capture_output=True)
    return one("make", "--no-print-directory", target) if known.returncode == 0 else None


STAGES = {
    "host tests": host_tests,
    "harness tests": harness_tests,
    "lint": lambda: make("lint"),
    **{f"image {name}": lambda name=name: make(f"build/{name}/xen") for name in IMAGES},
    "guests": lambda: make("guests"),
    "boots": boots,
    "costs": costs,
}


def main():
    results = {name: run() for name, run in STAGES.items()}
    print("==> summary")
    for name, counts in results.items():
        print(f"{name:20} " + ("skipped: not enabled yet" if counts is None else
                               f"{counts[0]} passed, {counts[1]} failed"))
    passed, failed = map(sum, zip(*filter(None, results.values())))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
