// SPDX-License-Identifier: Apache-2.0

public import Sync

/// A shared reference to an object that lives in frames: a domain, a vCPU, an event channel.
///
/// It gives borrowed access only; what changes inside does so through locks and atomics. The referent must outlive
/// the reference: objects live in slot pools whose frames are never given back while a reference can exist.
@safe @frozen public struct Ref<Value: ~Copyable>: Copyable, BitwiseCopyable {
    @usableFromInline let address: UnsafeMutablePointer<Value>

    /// SAFETY: `address` holds an initialised value that stays where it is while any copy of this is in use.
    @inlinable @unsafe public init(unsafe address: UnsafeMutablePointer<Value>) { unsafe self.address = address }

    @inlinable public var pointee: Value {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(address) }
    }

    /// The referent's address, for identity and for the world switch.
    @inlinable @unsafe public var unsafeAddress: UnsafeMutablePointer<Value> { unsafe address }
}

extension Ref: Equatable where Value: ~Copyable {
    @inlinable public static func == (a: Self, b: Self) -> Bool { unsafe a.address == b.address }
}

// SAFETY: access is by borrow; the referent's own locks and atomics order it.
extension Ref: @unchecked Sendable where Value: ~Copyable {}

extension Once where Value: ~Copyable {
    /// A reference to the value of a `Once` that is never moved (one in the composition root).
    @inlinable public var reference: Ref<Value> {
        // SAFETY: by the contract above the address stays.
        unsafe Ref(unsafe: address)
    }
}
