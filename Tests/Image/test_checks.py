# SPDX-License-Identifier: Apache-2.0
"""The tables must hang together before anything boots."""
import re
import unittest

import bench
import checks
import loaders
import machines


class TableTests(unittest.TestCase):
    def test_names_are_unique(self):
        names = [check.name for check in checks.CHECKS]
        self.assertEqual(sorted(names), sorted(set(names)))

    def test_rows_hand_their_options_on(self):
        waiting = checks.bad_input("name", checks.NO_KERNEL, "text", pending=(checks.OURS,))
        self.assertEqual(waiting.pending, (checks.OURS,))

    def test_loaders_exist(self):
        rows = [check.machine for check in checks.CHECKS] + [row[1] for row in bench.CONFIGURATIONS]
        self.assertLessEqual({machine.loader for machine in rows}, loaders.LOADERS.keys())

    def test_every_expectation_can_fail(self):
        for check in checks.CHECKS:
            for rules in check.expectations.values():
                self.assertTrue(rules.expect or rules.verdict, check.name)
                for pattern in (*rules.expect, *rules.reject, *(step[0] for step in rules.dialogue)):
                    re.compile(pattern)


class LoaderTests(unittest.TestCase):
    def test_nodes_share_everything(self):
        self.assertEqual(machines.split(4, 2), [(0, 1), (2, 3)])
        self.assertEqual(machines.split(5, 2), [(0, 1), (2, 4)])

    def test_multiboot1_header_is_found_by_its_checksum(self):
        decoy = bytes.fromhex("02b0ad1b") + bytes(8)
        header = bytes.fromhex("02b0ad1b") + (3).to_bytes(4, "little") + (-0x1BADB002 - 3 & 0xFFFFFFFF).to_bytes(4, "little")
        self.assertEqual(loaders.without_multiboot1(decoy + header), decoy + bytes(4) + header[4:])
        with self.assertRaises(ValueError):
            loaders.without_multiboot1(decoy)
