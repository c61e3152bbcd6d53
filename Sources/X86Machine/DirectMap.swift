// SPDX-License-Identifier: Apache-2.0

public import ArchX86
public import Base
public import Machine

/// All RAM at a constant offset in the hypervisor's address space (docs/decisions/0001-address-space.md).
public struct DirectMap: FrameMemory {
    @inlinable public init() {}

    /// The boot CPU has its number from its first instruction on.
    @inlinable public var processorHint: Int { Int(x86_processor_number() & 255) }

    /// Where machine address 0 would be.
    @inlinable public static var base: UInt { 0x0000_4000_0000_0000 }
    /// Bytes of machine memory that there is room for: 64 TiB.
    @inlinable public static var size: UInt64 { 0x0000_4000_0000_0000 }
    /// The part that boot/x86_64/entry.S maps for a start, RAM or not.
    @inlinable public static var bootSize: UInt64 { 4 << 30 }

    @inlinable @inline(__always)
    @unsafe public func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        // SAFETY: the caller's frame is RAM, and boot maps all RAM here before anything uses a DirectMap.
        unsafe UnsafeMutableRawPointer(bitPattern: DirectMap.base &+ UInt(address.rawValue)).unsafelyUnwrapped
    }
}
