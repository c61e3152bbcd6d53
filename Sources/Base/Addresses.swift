// SPDX-License-Identifier: Apache-2.0

/// The host's physical address space.
public enum MachineSpace: Sendable {}
/// A guest's physical address space, which stage 2 translates (ARM: IPA; x86: guest physical).
public enum GuestSpace: Sendable {}
/// A guest's virtual address space, which the guest's own page tables translate.
public enum GuestVirtualSpace: Sendable {}

/// A byte address in `Space`. A value says nothing about what is there: it is a claim until somebody checks it.
@frozen public struct Address<Space>: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var rawValue: UInt64

    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public init(_ frame: FrameNumber<Space>) { rawValue = frame.rawValue << pageShift }

    /// The frame that holds this byte.
    @inlinable public var frame: FrameNumber<Space> { FrameNumber(rawValue >> pageShift) }
    /// Byte offset in the frame, 0 to 4095.
    @inlinable public var offset: UInt64 { rawValue & (pageSize - 1) }

    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    /// Wraps as the hardware's adders do: a guest chooses both operands.
    @inlinable public static func + (a: Self, bytes: UInt64) -> Self { Self(a.rawValue &+ bytes) }
    @inlinable public static func += (a: inout Self, bytes: UInt64) { a = a + bytes }
}

/// The number of a 4 KiB frame in `Space`.
@frozen public struct FrameNumber<Space>: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var rawValue: UInt64

    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Address of the frame's first byte.
    @inlinable public var address: Address<Space> { Address(self) }

    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    /// Wraps: a guest chooses both operands.
    @inlinable public static func + (a: Self, frames: UInt64) -> Self { Self(a.rawValue &+ frames) }
    @inlinable public static func += (a: inout Self, frames: UInt64) { a = a + frames }
}

/// A host physical address (Xen: paddr_t, maddr).
public typealias MachineAddress = Address<MachineSpace>
/// A guest physical address (ARM: IPA).
public typealias GuestAddress = Address<GuestSpace>
/// A guest virtual address.
public typealias GuestVirtualAddress = Address<GuestVirtualSpace>
/// A machine frame number (Xen: mfn_t).
public typealias MFN = FrameNumber<MachineSpace>
/// A guest frame number (Xen: gfn_t).
public typealias GFN = FrameNumber<GuestSpace>

extension FrameNumber {
    /// No frame (Xen: INVALID_MFN, INVALID_GFN).
    @inlinable public static var invalid: Self { Self(~0) }
}

/// `count` frames from `start` on.
@frozen public struct FrameRange<Space>: Hashable, Sendable, BitwiseCopyable {
    public var start: FrameNumber<Space>
    public var count: UInt64

    @inlinable public init(start: FrameNumber<Space>, count: UInt64) {
        self.start = start
        self.count = count
    }

    /// The whole frames inside `bytes` bytes from `address` on: partial frames at either end are left out.
    @inlinable public init(wholeFramesIn address: Address<Space>, bytes: UInt64) {
        let end = address.rawValue.addingReportingOverflow(bytes)
        let last = (end.overflow ? UInt64.max : end.partialValue) >> pageShift
        let first = (alignedUp(address.rawValue, to: pageSize) ?? UInt64.max) >> pageShift
        self.init(start: FrameNumber(first), count: last > first ? last - first : 0)
    }

    /// One past the last frame.
    @inlinable public var end: FrameNumber<Space> { start + count }
    @inlinable public var isEmpty: Bool { count == 0 }
    @inlinable public func contains(_ frame: FrameNumber<Space>) -> Bool {
        frame >= start && frame.rawValue - start.rawValue < count
    }
    @inlinable public func overlaps(_ other: Self) -> Bool {
        !isEmpty && !other.isEmpty && start < other.end && other.start < end
    }
}

public typealias MachineRange = FrameRange<MachineSpace>
public typealias GuestRange = FrameRange<GuestSpace>
