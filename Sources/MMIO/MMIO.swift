// SPDX-License-Identifier: Apache-2.0

/// Typed registers over a `Bus`.
