// SPDX-License-Identifier: Apache-2.0

public import ArchARM64
public import Base
public import Machine

/// All RAM at a constant offset in EL2's address space (docs/decisions/0001-address-space.md).
public struct DirectMap: FrameMemory {
    @inlinable public init() {}

    /// Affinities 0 and 1: at most 16 processors in a cluster.
    @inlinable public var processorHint: Int {
        let affinity = read_mpidr_el1()
        return Int(affinity & 0xf | affinity >> 4 & 0xf0)
    }

    /// Where machine address 0 would be.
    @inlinable public static var base: UInt { 0x0000_8000_0000_0000 }

    @inlinable @inline(__always)
    @unsafe public func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        // SAFETY: the caller's frame is RAM, and boot maps all RAM here before anything uses a DirectMap.
        unsafe UnsafeMutableRawPointer(bitPattern: DirectMap.base &+ UInt(address.rawValue)).unsafelyUnwrapped
    }

    /// By address to the point of coherency, a line at a time (ARM DDI 0487, D7.5.8): one instruction for 64 bytes as a rule, so 64 and
    /// their loop for a page, where zeroing it takes some 270. Caches of instructions that do not follow memory (CTR_EL0.DIC) may hold
    /// what was executed there; they go by machine address, or are emptied. Nobody executes from there now, so that the order is no matter.
    public func cleanToMemory(_ address: MachineAddress, count: UInt64) {
        let type = read_ctr_el0()
        let line: UInt64 = 4 << min(type >> 16 & 15, type & 15)
        let start = UInt64(DirectMap.base) + address.rawValue
        let follows = type >> 29 & 1 != 0
        let places = stride(from: start & ~(line - 1), to: start + count, by: Int(line))
        if follows || type >> 14 & 3 != 3 {
            for place in places { arm64_dc_cvac(place) }
            if !follows { arm64_ic_ialluis() }
        } else {
            for place in places {
                arm64_dc_cvac(place)
                arm64_ic_ivau(place)
            }
        }
        arm64_dsb_sy()
    }
}
