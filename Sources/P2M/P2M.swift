// SPDX-License-Identifier: Apache-2.0

/// Guest frame to machine frame: one walker over the entry formats.
