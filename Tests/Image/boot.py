#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boots real things: `boot.py check`, `boot.py run`, `boot.py soak`. See docs/testing.md."""
import argparse
import functools
import hashlib
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import checks
import console
import differential
import debian
import devices
import loaders
import machines
import payloads

LOGS = debian.BUILD / "logs"
TAIL_LINES = 30


def image_path(hypervisor, isa, build=""):
    """Where the image under test is: "ours", "reference", or a path."""
    if hypervisor == checks.REFERENCE:
        return debian.reference(isa)
    if hypervisor != checks.OURS:
        return Path(hypervisor)
    path = debian.BUILD / f"{isa}{build}" / "xen"
    if not path.exists():
        raise FileNotFoundError(f"no hypervisor image: `make {path.relative_to(debian.ROOT)}` builds it")
    if (newest := newest_source()).stat().st_mtime > path.stat().st_mtime:
        raise RuntimeError(f"{newest.relative_to(debian.ROOT)} has changed since: `make {path.relative_to(debian.ROOT)}` builds the image anew")
    return path


def directory(hypervisor):
    """A directory's name for what belongs to a hypervisor, which may be named by a path."""
    return hypervisor.replace("/", "_")


@functools.cache
def newest_source():
    """An image that is older cannot have been built from it: a row must not pass because of what was there before."""
    files = (path for directory in ("Sources", "arch", "boot") for path in (debian.ROOT / directory).rglob("*") if path.is_file())
    return max(files, key=lambda path: path.stat().st_mtime)


def command(machine, hypervisor, payload, name, interactive=False):
    work = debian.BUILD / "boot" / directory(hypervisor) / name
    work.mkdir(parents=True, exist_ok=True)
    return loaders.boot(loaders.Job(machine, image_path(hypervisor, machine.isa, machine.build), payload, work,
                                    machines.emulator(machine, interactive) + devices.words(machine, work)))


def say(text):
    """One write: boots report side by side."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def prepare(check, hypervisor, suffix=""):
    """What boots one check once: a callable that prints the result and returns whether it passed."""
    try:
        words = command(check.machine, hypervisor, check.payload, check.name)
    except (OSError, RuntimeError, ValueError) as error:
        message = f"FAIL  {check.name}: {error}"
        return lambda: say(message)
    return lambda: attempt(check, hypervisor, words, suffix)


def attempt(check, hypervisor, words, suffix):
    judge = console.Judge(**vars(check.expectations[hypervisor]))
    log = LOGS / hypervisor / f"{check.name}{suffix}.log"
    failure, seconds, used = console.run(words, judge, log, check.timeout)
    cost = ""
    if not failure and check.differences and hypervisor != checks.REFERENCE:
        failure = compare(check, judge.text)
    if not failure and check.outruns and hypervisor != checks.REFERENCE:
        failure, cost = outrun(check, used)
    if not failure:
        say(f"pass  {check.name}{suffix} ({seconds:.0f} s{cost})")
        return True
    tail = "\n".join("    | " + line for line in judge.text.splitlines()[-TAIL_LINES:])
    say(f"FAIL  {check.name}{suffix} ({seconds:.0f} s): {failure}\n{tail}\n    log: {log}")
    return False


def outrun(check, used):
    """Debian's Xen on the same machine, right after: why it took less of the host's processors, or None, and both figures."""
    judge = console.Judge(**vars(check.expectations[checks.REFERENCE]))
    words = command(check.machine, checks.REFERENCE, check.payload, check.name)
    failure, _, theirs = console.run(words, judge, LOGS / checks.REFERENCE / f"{check.name}.log", check.timeout)
    cost = f", {used:.1f} s of user time, Debian's Xen {theirs:.1f} s, ratio {used / max(theirs, 0.1):.2f}"
    if failure:
        return f"on Debian's Xen: {failure}", cost
    return ("slower than Debian's Xen" + cost if used > theirs else None), cost


def compare(check, text):
    """Why the console is not as on Debian's Xen, or None."""
    try:
        return differential.compare(
            text, reference_text(check.name, check.machine, check.payload, check.expectations[checks.REFERENCE], check.timeout),
            check.differences.read_text())
    except (OSError, RuntimeError) as error:
        return str(error)


def kept_reference(name, machine, payload):
    """Where the console of a run on Debian's Xen is kept: a file for each build of guest and Xen, and for each machine."""
    digest = hashlib.sha256(repr((machine, payload.command_line(machine.isa), payload.words)).encode())
    for path in (payload.kernel(machine.isa), debian.reference(machine.isa)):
        digest.update(path.read_bytes())
    return debian.BUILD / "reference" / f"{name}-{digest.hexdigest()[:16]}"


def reference_text(name, machine, payload, expectation, timeout):
    """What a guest says on Debian's Xen, up to the verdict. The same guest on the same Xen says the same: it is run once.

    Raises RuntimeError where the expectation is not met.
    """
    file = kept_reference(name, machine, payload)
    if not file.exists():
        judge = console.Judge(**vars(expectation))
        words = command(machine, checks.REFERENCE, payload, name)
        failure, _, _ = console.run(words, judge, LOGS / checks.REFERENCE / f"{name}.log", timeout)
        if failure:
            raise RuntimeError(f"on Debian's Xen: {failure}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(judge.text)
    return file.read_text()


def run_all(jobs, parallel):
    """jobs: callables that return whether they passed. Returns (passed, failed)."""
    with ThreadPoolExecutor(parallel) as pool:
        outcomes = list(pool.map(lambda job: job(), jobs))
    passed = outcomes.count(True)
    return passed, len(outcomes) - passed


def select(pattern, hypervisor, pending_too, release=debian.HOST):
    rows = [check for check in checks.CHECKS
            if hypervisor in check.expectations and re.search(pattern, check.name)]
    if release:
        rows = [checks.with_release(check, release) for check in rows if check.payload.is_debian]
    enabled = [check for check in rows if pending_too or hypervisor not in check.pending]
    return enabled, [check for check in rows if check not in enabled]


def check_command(arguments):
    enabled, skipped = select(arguments.select, arguments.hypervisor, arguments.pending, arguments.release)
    jobs = [prepare(check, arguments.hypervisor) for check in enabled]
    passed, failed = run_all(jobs, arguments.jobs)
    for check in skipped:
        print(f"skip  {check.name}: not yet enabled for {arguments.hypervisor}")
    return report(arguments, passed, failed)


def broad_rows(pattern):
    return [check for isa, row in checks.BREADTH if re.search(pattern, (check := checks.broad(isa, row)).name)]


def breadth_command(arguments):
    """Every row of Tests/Image/breadth.py that matches; those with the most memory one by one, after the others."""
    rows = broad_rows(arguments.select)
    large = [check for check in rows if check.machine.memory > checks.LARGE_MEMORY]
    tallies = [run_all([prepare(check, checks.OURS) for check in group], parallel) for group, parallel in (
        ([check for check in rows if check not in large], arguments.jobs), (large, 1))]
    return report(arguments, *map(sum, zip(*tallies)))


def soak_command(arguments):
    """The same boots many times over, those of `breadth` with the others; every failure is reported and none is tried again."""
    if re.match("breadth", arguments.select):
        rows = broad_rows(arguments.select)
    else:
        rows, _ = select(f"^{arguments.select}$", arguments.hypervisor, True, arguments.release)
    jobs = [prepare(check, arguments.hypervisor, f"-{i:03}") for i in range(1, arguments.count + 1) for check in rows]
    return report(arguments, *run_all(jobs, arguments.jobs))


def images_command(arguments):
    """The files of our images that the selected rows boot, for make to build them first."""
    enabled = broad_rows(arguments.select) if re.match("breadth", arguments.select) else \
        select(arguments.select, arguments.hypervisor, True)[0]
    if arguments.hypervisor == checks.OURS:
        print(*sorted({f"build/{check.machine.isa}{check.machine.build}/xen" for check in enabled}))
    return 0


def report(arguments, passed, failed):
    if arguments.tally:
        with open(arguments.tally, "a") as tally:
            tally.write(f"{passed} {failed}\n")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def run_command(arguments):
    """A machine for a person: dom0's shell on this terminal."""
    memory = machines.megabytes(arguments.mem)
    machine = machines.Machine(arguments.isa, arguments.smp, memory, arguments.gic, loader=arguments.loader, iommu=arguments.iommu,
                               icount=arguments.icount, threads="single" if arguments.isa == "x86_64" else "multi")
    payload = payloads.shell(memory).with_words(arguments.words) \
        .with_hypervisor_words(arguments.hypervisor_words)
    if arguments.release:
        payload = payload.with_release(arguments.release)
    words = command(machine, arguments.hypervisor, payload, f"run-{arguments.loader}", interactive=True)
    print(" ".join(words), file=sys.stderr, flush=True)
    os.execvp(words[0], words)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, handler in (("check", check_command), ("soak", soak_command), ("images", images_command), ("breadth", breadth_command)):
        sub = commands.add_parser(name)
        sub.set_defaults(handler=handler)
        sub.add_argument("--hypervisor", default=checks.OURS, choices=(checks.OURS, checks.REFERENCE))
        sub.add_argument("--select", default="arm64-dom0-gicv3-smp2" if name == "soak" else "")
        sub.add_argument("--jobs", type=int, default=2)
        sub.add_argument("--count", type=int, default=200)
        sub.add_argument("--release", default=debian.HOST, choices=(debian.HOST, *debian.RELEASES),
                         help="the rows with Debian's kernel, with another release's")
        sub.add_argument("--pending", action="store_true", help="run rows that are not yet enabled, too")
        sub.add_argument("--tally", help="append 'passed failed' to this file")
    sub = commands.add_parser("run")
    sub.set_defaults(handler=run_command)
    sub.add_argument("--hypervisor", default=checks.OURS, help="ours, reference, or a path")
    sub.add_argument("--isa", default="arm64")
    sub.add_argument("--smp", type=int, default=2)
    sub.add_argument("--mem", default="3G")
    sub.add_argument("--gic", type=int, default=3)
    sub.add_argument("--icount", action="store_true")
    sub.add_argument("--iommu", default="", choices=("", "amd", "intel"))
    sub.add_argument("--loader", default="direct", choices=loaders.LOADERS)
    sub.add_argument("--release", default=debian.HOST, choices=(debian.HOST, *debian.RELEASES))
    sub.add_argument("--words", default="", help="added to dom0's command line")
    sub.add_argument("--hypervisor-words", default="", help="added to the hypervisor's")
    return parser.parse_args()


if __name__ == "__main__":
    console.stop_together()
    parsed = parse()
    sys.exit(parsed.handler(parsed))
