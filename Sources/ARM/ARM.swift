// SPDX-License-Identifier: Apache-2.0

/// ARMv7 and ARMv8 register types, entry formats and exit decode: pure functions.
