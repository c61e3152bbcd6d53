// SPDX-License-Identifier: Apache-2.0

/// Numbers and memory layouts of Xen's public interface, and `XenError`. No behaviour.
