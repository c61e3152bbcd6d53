// SPDX-License-Identifier: Apache-2.0

public import XenABI

/// What of the memory operations only some ISAs have in Xen 4.17. ARM has none of it.
public struct MemoryFeatures: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A domain has a memory map that it can ask for, and the hardware domain can ask for the machine's.
    public static var memoryMaps: Self { Self(rawValue: 1 << 0) }
    /// RAM, and what the hypervisor shares, moves from place to place in guest-physical memory; RAM is freed where something
    /// else is put in its place, and another's frame is not displaced.
    public static var moves: Self { Self(rawValue: 1 << 1) }
    /// Says where the hypervisor has a table from machine to guest frames.
    public static var machineToPhysical: Self { Self(rawValue: 1 << 2) }
    /// Grants of a transfer are looked at.
    public static var transfers: Self { Self(rawValue: 1 << 3) }
    /// RAM that gets its frame when it is touched.
    public static var populateOnDemand: Self { Self(rawValue: 1 << 4) }
    /// What a domain writes can be logged.
    public static var logsWrites: Self { Self(rawValue: 1 << 5) }

    public static var all: Self { [.memoryMaps, .moves, .machineToPhysical, .transfers, .populateOnDemand, .logsWrites] }
}

extension Platform {
    public var memoryFeatures: MemoryFeatures { [] }
    /// An entry of the machine's memory map, in ascending order, with what the hardware domain may not touch called reserved.
    /// Nil past the last.
    public func machineMapEntry(_ index: Int) -> E820Entry? { nil }
}
