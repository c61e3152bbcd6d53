// SPDX-License-Identifier: Apache-2.0

/// Locks that own their data. The hypervisor runs with interrupts masked everywhere but in the idle loop and in
/// guests (docs/decisions/0002-interrupts-masked.md), so a lock needs no interrupt-saving variant.
///
/// Ranks: a CPU takes locks in ascending `LockRank`; two locks of one rank in ascending domain id.

/// The order in which locks may be taken, lowest first.
public enum LockRank: UInt8, Sendable {
    case domainTable, domain, eventChannel, grantTable, p2m, onDemand, frameList, frameAllocator, scheduler, timer
    case interruptController, console
}
