// SPDX-License-Identifier: Apache-2.0

/// dom0 and boot-time domains: load plan, start info, generated device tree.
