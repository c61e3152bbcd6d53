// SPDX-License-Identifier: Apache-2.0

/// One file per operation: decode, check, commit.
