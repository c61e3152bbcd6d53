// SPDX-License-Identifier: Apache-2.0

/// Numbers and memory layouts of Xen 4.17's public interface, and `XenError`. No behaviour.
///
/// A structure has the caller's layout: the same field offsets as in C. Where x86-32 differs from all other callers,
/// the structure is generic over `CallerABI`, so one decoder serves both. `MemoryLayout.stride` is C's `sizeof`;
/// Swift's `size` leaves out padding at the end. Everything is zero until it is set, also what C leaves open between two fields (`gap`). Nothing here is trusted: a value
/// read from a guest is whatever the guest wrote.
///
/// `Tests/XenABITests` compares every size, offset and value with the C headers of Debian's libxen-dev, for x86-64,
/// x86-32, arm64 and arm32 callers.
