# SPDX-License-Identifier: Apache-2.0
"""The judge must fail what fails: a harness that cannot fail proves nothing."""
import sys
import tempfile
import unittest
from pathlib import Path

import console


class JudgeTests(unittest.TestCase):
    def judge(self, *chunks, ending="exit", **rules):
        judge = console.Judge(**{"expect": (), **rules})
        self.typed = [line for chunk in chunks for line in judge.feed(chunk)]
        return judge.conclude(ending)

    def test_passes_when_everything_appeared(self):
        self.assertIsNone(self.judge("a\r\nb\r\n", expect=("^a$", "^b$")))

    def test_colours_are_not_text(self):
        self.assertIsNone(self.judge("\x1b[0m\x1b[3", "7m(XEN) on\n", expect=(r"^\(XEN\) on$",)))

    def test_fails_on_missing_text(self):
        self.assertIn("missing: ^c$", self.judge("a\nb\n", expect=("^a$", "^c$")))

    def test_fails_on_rejected_text_split_over_chunks(self):
        self.assertIn("rejected", self.judge("a\n(XEN) Pan", "ic on CPU 0\n", reject=(r"Panic on",)))

    def test_fails_without_verdict(self):
        self.assertIn("without its verdict", self.judge("a\n", verdict="^done"))

    def test_verdict_ends_the_run(self):
        self.assertIsNone(self.judge("a\ndone", verdict="^done", expect=("^a",), ending="verdict"))

    def test_text_after_the_verdict_is_not_judged(self):
        rules = {"verdict": "^done", "reject": ("Panic",)}
        self.assertIsNone(self.judge("a\ndone\nPanic\n", ending="verdict", **rules))
        self.assertIn("rejected", self.judge("Panic\ndone\n", ending="verdict", **rules))

    def test_timeout_is_a_failure_even_with_all_text(self):
        self.assertIn("hang guard", self.judge("a\n", expect=("^a$",), ending="timeout"))

    def test_types_in_order(self):
        self.assertIsNone(self.judge("$ ", "x\n$ ", dialogue=((r"^\$ ", "x"), (r"x\n\$ ", "y"))))
        self.assertEqual(self.typed, ["x", "y"])

    def test_fails_on_a_prompt_that_never_came(self):
        self.assertIn("never asked", self.judge("$ ", dialogue=((r"^\$ ", "x"), (r"y", "z"))))


class RunTests(unittest.TestCase):
    def run_script(self, script, timeout=60, **rules):
        judge = console.Judge(**{"expect": (), **rules})
        with tempfile.TemporaryDirectory() as directory:
            failure, _, _ = console.run([sys.executable, "-c", script], judge, Path(directory) / "log", timeout)
        return failure

    def test_hang_is_killed_and_fails(self):
        self.assertIn("hang guard", self.run_script("import time; time.sleep(60)", timeout=1))

    def test_stops_at_the_verdict(self):
        script = "import time; print('done', flush=True); time.sleep(60)"
        self.assertIsNone(self.run_script(script, verdict="^done$"))

    def test_answers_a_prompt(self):
        script = "print('got ' + input('name? '))"
        self.assertIsNone(self.run_script(script, expect=("got xen",), dialogue=((r"name\? ", "xen"),)))


if __name__ == "__main__":
    unittest.main()
