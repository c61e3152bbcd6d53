# SPDX-License-Identifier: Apache-2.0
"""Runs one machine and judges it by its console.

The Judge is pure: text in, lines to type and a decision out. The runner below it owns the process,
the log file and the hang guard.
"""
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field


AFTER_FAILURE = 3       # seconds of console still read once a run has failed
SILENCE = 120           # seconds without a character that are taken for a hang
RUNNING = set()
# Boot loaders colour the console, and do not end the line.
COLOURS = re.compile(r"\x1b\[[0-9;=?]*[A-Za-z]")


@dataclass
class Judge:
    """Decides on a run from its console text.

    expect: regexps that must all have appeared when the run ends.
    reject: regexps that end the run as a failure the moment they appear.
    dialogue: pairs (regexp to wait for, line to type), taken in order.
    verdict: regexp that ends the run at once; None means that the machine must end by itself.
    screen: regexp that the text on the machine's screen must match then.
    """
    expect: tuple
    reject: tuple = ()
    dialogue: tuple = ()
    verdict: str | None = None
    screen: str | None = None
    text: str = ""
    failure: str | None = None
    ended: bool = False
    typed: int = 0
    position: int = field(default=0, repr=False)

    def feed(self, chunk):
        """Takes console output; returns the lines to type in answer."""
        line_start = self.text.rfind("\n") + 1
        line = self.text[line_start:] + chunk.replace("\r", "")
        self.text = self.text[:line_start] + COLOURS.sub("", line)
        end = len(self.text)
        if self.verdict and (found := self.search(self.verdict, line_start, end)):
            self.ended, end = True, found.end()     # what comes after it is not judged
        for pattern in self.reject:
            if found := self.search(pattern, line_start, end):
                self.failure = f"rejected text on the console: {found.group(0)!r} ({pattern})"
                self.ended = True
        return [] if self.ended else self.answers()

    def search(self, pattern, start, end):
        return re.compile(pattern, re.M).search(self.text, start, end)

    def answers(self):
        lines = []
        while self.typed < len(self.dialogue):
            prompt, answer = self.dialogue[self.typed]
            found = self.search(prompt, self.position, len(self.text))
            if not found:
                break
            self.position = found.end()
            self.typed += 1
            lines.append(answer)
        return lines

    def conclude(self, ending):
        """The reason why the run failed, or None. `ending` says how the process came to its end."""
        if self.failure:
            return self.failure
        if ending == "timeout":
            return "no verdict before the hang guard" + self.missing_text()
        if self.verdict and not self.ended:
            return f"the machine ended without its verdict ({self.verdict})" + self.missing_text()
        if self.missing():
            return "not on the console:" + self.missing_text()
        if self.typed < len(self.dialogue):
            return f"never asked for: {self.dialogue[self.typed][0]!r}"
        return None

    def missing(self):
        return [pattern for pattern in self.expect if not re.search(pattern, self.text, re.M)]

    def missing_text(self):
        return "".join(f"\n    missing: {pattern}" for pattern in self.missing())


def run(command, judge, log_path, timeout):
    """Runs `command` under `judge`; returns (failure or None, seconds, seconds of the host's processors in the emulator).

    "{monitor}" in the command becomes a socket's path; a machine that hangs is asked there where it is.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with open(log_path, "wb", buffering=0) as log, tempfile.TemporaryDirectory() as directory:
        monitor = f"{directory}/monitor"
        command = [str(word).replace("{monitor}", monitor) for word in command]
        log.write((" ".join(command) + "\n").encode())
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, start_new_session=True) as process:
            RUNNING.add(process)
            try:
                ending = converse(process, judge, log, started + timeout)
                if judge.screen and ending == "verdict":
                    judge.failure = judge.failure or missing_on_screen(judge.screen, monitor)
                if ending == "timeout":
                    log.write(b"\n--- processors when the hang guard struck\n" + registers(monitor))
            finally:
                used = processor_seconds(process.pid)
                end_session(process)
                RUNNING.discard(process)
        failure = judge.conclude(ending)
        seconds = time.monotonic() - started
        log.write(f"\n--- {failure or 'passed'} after {seconds:.0f} s\n".encode())
    return failure, seconds, used


def processor_seconds(pid):
    """User time of a process that nobody has waited for yet (proc(5), /proc/[pid]/stat, the 14th field)."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


def missing_on_screen(pattern, monitor):
    """Why the screen does not show what it must, or None. It may be a few characters behind the serial port."""
    deadline = time.monotonic() + AFTER_FAILURE
    while not re.search(pattern, shown := screen(monitor), re.M):
        if time.monotonic() > deadline:
            return f"not on the screen: {pattern}\n{shown}"
        time.sleep(0.05)
    return None


def screen(monitor):
    """The text that a PC's screen shows: 25 lines of 80 characters at 0xb8000."""
    words = re.findall(rb"0x([0-9a-f]{4})\b", ask(monitor, b"xp /2000hx 0xb8000\n", until=rb"0000b8f90: .*\n"))
    # The monitor repeats the question as it is typed, bit by bit.
    text = "".join(chr(int(word, 16) & 0x7f) for word in words[-2000:])
    return "\n".join(text[start:start + 80].rstrip() for start in range(0, len(text), 80))


def registers(monitor):
    """Every processor's registers, from QEMU's monitor; nothing where there is none."""
    return ask(monitor, b"info registers -a\n")


def ask(monitor, question, until=None):
    """What QEMU's monitor answers: all that comes, or until `until` matches; nothing where there is no monitor."""
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(monitor)
            connection.sendall(question)
            while not (until and re.search(until, answer)) and (chunk := connection.recv(65536)):
                answer += chunk
    except OSError:
        pass
    return answer.replace(b"\r", b"")


def end_session(process):
    """Ends the emulator and whatever it was wrapped in."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def stop_together():
    """Makes the emulators, which are in sessions of their own, end with us."""
    def stop(number, _):
        for process in list(RUNNING):
            end_session(process)
        os._exit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def converse(process, judge, log, deadline):
    """Feeds the console to the judge until one of them ends: "exit", "verdict" or "timeout"."""
    output = process.stdout.fileno()
    while not judge.ended or judge.failure:
        if judge.failure:   # let it finish what it has to say about it
            deadline = min(deadline, time.monotonic() + AFTER_FAILURE)
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([output], [], [], min(remaining, SILENCE))[0]:
            return "timeout"
        chunk = os.read(output, 65536)
        if not chunk:
            return "exit"
        log.write(chunk)
        for line in judge.feed(chunk.decode("utf-8", "replace")):
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
    return "verdict"
