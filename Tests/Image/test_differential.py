# SPDX-License-Identifier: Apache-2.0
import unittest

from differential import compare

REFERENCE = "case: A/one: 0\nnoise\ncase: A/two: -EINVAL\ncase: B/one: 5 port 7\n"
LISTING = "# why\nA: there is no two\n    two\n"


class Differential(unittest.TestCase):
    def test_equal_consoles_agree(self):
        self.assertIsNone(compare(REFERENCE, REFERENCE, ""))

    def test_an_unlisted_difference_is_named(self):
        self.assertIn("A/two: Debian's Xen -EINVAL, ours 0", compare(REFERENCE.replace("-EINVAL", "0"), REFERENCE, ""))

    def test_a_listed_difference_passes(self):
        self.assertIsNone(compare(REFERENCE.replace("-EINVAL", "0"), REFERENCE, LISTING))
        self.assertIsNone(compare(REFERENCE.replace("-EINVAL", "0"), REFERENCE, LISTING.replace("    two", "    t*")))

    def test_a_listed_difference_that_is_gone_fails(self):
        self.assertIn("no such difference: A/two", compare(REFERENCE, REFERENCE, LISTING))

    def test_a_case_that_is_missing_fails(self):
        self.assertIn("B/one: Debian's Xen 5 port 7, ours silent", compare(REFERENCE.replace("case: B", "cas"), REFERENCE, ""))
        self.assertIn("B/one: Debian's Xen silent, ours 5 port 7", compare(REFERENCE, REFERENCE.replace("case: B", "cas"), ""))

    def test_a_case_told_twice_fails(self):
        self.assertIn("told twice: A/one", compare(REFERENCE * 2, REFERENCE, ""))

    def test_a_malformed_list_fails(self):
        self.assertIn("line 1", compare(REFERENCE, REFERENCE, "    two\n"))


if __name__ == "__main__":
    unittest.main()
