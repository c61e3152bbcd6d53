// SPDX-License-Identifier: Apache-2.0

/// Grant entries, mapping, copy, maptrack.
