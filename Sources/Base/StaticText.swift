// SPDX-License-Identifier: Apache-2.0

extension StaticString {
    /// The literal's UTF-8 bytes, without a terminator.
    @inlinable public var bytes: Span<UInt8> {
        @_lifetime(immortal) get {
            // SAFETY: a string literal lives in the image's read-only data for ever, and has `utf8CodeUnitCount` bytes.
            let buffer = unsafe UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
            return unsafe _overrideLifetime(Span(_unsafeElements: buffer), borrowing: ())
        }
    }
}

extension Span where Element == UInt8 {
    /// The bytes of a literal, where a text is wanted: `.literal("none")`.
    @inlinable @_lifetime(immortal)
    public static func literal(_ text: StaticString) -> Span<UInt8> { text.bytes }
}
