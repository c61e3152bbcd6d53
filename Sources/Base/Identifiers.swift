// SPDX-License-Identifier: Apache-2.0

/// A domain's number (Xen: domid_t).
@frozen public struct DomainID: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var rawValue: UInt16
    @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The control and hardware domain.
    @inlinable public static var dom0: Self { Self(0) }
}

/// A vCPU's number in its domain (Xen: vcpu_id).
@frozen public struct VCPUID: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var rawValue: UInt32
    @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    @inlinable public var index: Int { Int(rawValue) }
}

/// A physical CPU's logical number: 0 is the boot CPU, the others in the order of the firmware's tables.
@frozen public struct PCPU: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var rawValue: UInt32
    @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    @inlinable public var index: Int { Int(rawValue) }
}

/// A NUMA node's logical number, dense from 0.
@frozen public struct NUMANode: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var rawValue: UInt8
    @inlinable public init(_ rawValue: UInt8) { self.rawValue = rawValue }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    @inlinable public var index: Int { Int(rawValue) }
}

/// Nanoseconds since the hypervisor started (Xen: s_time_t).
@frozen public struct SystemTime: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var nanoseconds: UInt64
    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable public static func + (a: Self, nanoseconds: UInt64) -> Self {
        Self(nanoseconds: a.nanoseconds &+ nanoseconds)
    }
    /// The end of time: a deadline that is never reached.
    @inlinable public static var never: Self { Self(nanoseconds: .max) }
}
