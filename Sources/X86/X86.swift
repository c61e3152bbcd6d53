// SPDX-License-Identifier: Apache-2.0

/// x86-64 register types, entry formats and exit decode: pure functions.
