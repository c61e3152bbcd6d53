// SPDX-License-Identifier: Apache-2.0

/// The widths in which a caller lays out the public structures.
///
/// There are two: `Caller64` for x86-64 and for ARM of either width (whose interface is 64-bit throughout), and
/// `Caller32` for x86-32.
public protocol CallerABI: Sendable {
    /// `xen_ulong_t`, `xen_pfn_t`, `unsigned long` and every guest handle.
    associatedtype Word: CallerInteger
    /// `uint64_t`, which x86-32 aligns to four bytes only.
    associatedtype Quad: CallerInteger
    /// The four bytes that follow a 32-bit field where the structure is as aligned as `Word`.
    associatedtype PaddingToWord: BitwiseCopyable, Sendable
    static var paddingToWord: PaddingToWord { get }
    /// Bits in `Word`: 64 or 32.
    static var wordBits: UInt32 { get }
}

/// x86-64, arm64 and arm32 callers.
public enum Caller64: CallerABI {
    public typealias Word = UInt64
    public typealias Quad = UInt64
    public typealias PaddingToWord = UInt32
    @inlinable public static var paddingToWord: UInt32 { 0 }
    @inlinable public static var wordBits: UInt32 { 64 }
}

/// x86-32 callers.
public enum Caller32: CallerABI {
    public typealias Word = UInt32
    public typealias Quad = SplitUInt64
    public typealias PaddingToWord = NoPadding
    @inlinable public static var paddingToWord: NoPadding { NoPadding() }
    @inlinable public static var wordBits: UInt32 { 32 }
}

/// No bytes at all.
@frozen public struct NoPadding: BitwiseCopyable, Sendable {
    @inlinable public init() {}
}

/// An unsigned integer in a caller's structure.
public protocol CallerInteger: BitwiseCopyable, Sendable, Hashable {
    /// Takes as many low bits as fit.
    init(lowBits value: UInt64)
    /// The value, zero-extended.
    var wide: UInt64 { get }
}

extension CallerInteger {
    @inlinable public static var zero: Self { Self(lowBits: 0) }
    /// The value, or nil where it does not fit.
    @inlinable public init?(fitting value: UInt64) {
        self.init(lowBits: value)
        if wide != value { return nil }
    }
}

extension UInt64: CallerInteger {
    @inlinable public init(lowBits value: UInt64) { self = value }
    @inlinable public var wide: UInt64 { self }
}

extension UInt32: CallerInteger {
    @inlinable public init(lowBits value: UInt64) { self = UInt32(truncatingIfNeeded: value) }
    @inlinable public var wide: UInt64 { UInt64(self) }
}

/// A 64-bit integer aligned to four bytes.
@frozen public struct SplitUInt64: CallerInteger {
    public var low: UInt32
    public var high: UInt32

    @inlinable public init(lowBits value: UInt64) {
        low = UInt32(truncatingIfNeeded: value)
        high = UInt32(truncatingIfNeeded: value >> 32)
    }
    @inlinable public var wide: UInt64 { UInt64(high) << 32 | UInt64(low) }
}
