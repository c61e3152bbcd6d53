// SPDX-License-Identifier: Apache-2.0

public import Base
public import Machine

/// RAM between 1 and 4 GiB, each byte at its machine address (docs/decisions/0003-arm32-address-space.md).
public struct DirectMap: FrameMemory {
    @inlinable public init() {}

    /// What is mapped at all. Below it HYP mode has its image, stacks and devices.
    @inlinable public static var range: MachineRange {
        MachineRange(start: MFN(0x4000_0000 >> pageShift), count: 0xc000_0000 >> pageShift)
    }

    @inlinable @inline(__always)
    @unsafe public func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        // SAFETY: the caller's frame is RAM; boot leaves RAM outside `range` unused and maps the rest before anything
        // uses a DirectMap.
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: address.rawValue)).unsafelyUnwrapped
    }
}
