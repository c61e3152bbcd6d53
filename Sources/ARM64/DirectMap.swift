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
}
