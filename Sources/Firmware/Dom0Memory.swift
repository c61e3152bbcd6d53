// SPDX-License-Identifier: Apache-2.0

/// `dom0_mem=[min:<sz>,][max:<sz>,][<sz>]`, where `<sz>` is `<size>`, `<percent>%` or `<size>+<percent>%`, and a leading
/// `-` takes it away from all there is.
///
///     let memory = try line.dom0Memory()
///     let bytes = memory?.bytes(available: free) ?? defaultSize
public struct Dom0Memory: Hashable, Sendable, BitwiseCopyable {
    /// One amount.
    public struct Amount: Hashable, Sendable, BitwiseCopyable {
        public let bytes: UInt64
        /// 0 to 99.
        public let percent: UInt64
        public let isNegative: Bool

        /// The amount where `available` bytes are there. Saturates.
        public func resolve(available: UInt64) -> UInt64 {
            let (sum, overflow) = bytes.addingReportingOverflow(available / 100 * percent + available % 100 * percent / 100)
            let total = overflow ? UInt64.max : sum
            return isNegative ? (total > available ? 0 : available - total) : total
        }
    }

    public private(set) var size: Amount?
    public private(set) var minimum: Amount?
    public private(set) var maximum: Amount?

    public init(_ text: Span<UInt8>) throws(OptionError) {
        var rest = OptionText(text)
        repeat {
            if rest.skip("min:") {
                minimum = try Self.amount(&rest)
            } else if rest.skip("max:") {
                maximum = try Self.amount(&rest)
            } else {
                size = try Self.amount(&rest)
            }
        } while rest.skip(",")
        guard rest.isAtEnd else { throw .invalid }
    }

    /// dom0's memory at start, in bytes, where `available` bytes are free: never more than those or `max:`, and not
    /// less than `min:` otherwise. Without an amount: all but a sixteenth, of which at most 128 MiB.
    public func bytes(available: UInt64) -> UInt64 {
        let wanted = size?.resolve(available: available) ?? available - min(available / 16, 128 << 20)
        let limit = min(maximumBytes(available: available) ?? .max, available)
        return min(max(wanted, minimum?.resolve(available: available) ?? 0), limit)
    }

    /// What dom0 may balloon up to; nil without `max:`.
    public func maximumBytes(available: UInt64) -> UInt64? { maximum?.resolve(available: available) }

    private static func amount(_ rest: inout OptionText) throws(OptionError) -> Amount {
        let isNegative = rest.skip("-")
        var bytes: UInt64 = 0
        let first = try rest.size()
        if rest.skip("%") {
            guard first < 100 else { throw .invalid }
            return Amount(bytes: 0, percent: first, isNegative: isNegative)
        }
        bytes = first
        guard rest.skip("+") else { return Amount(bytes: bytes, percent: 0, isNegative: isNegative) }
        let percent = try rest.size()
        guard rest.skip("%"), percent < 100 else { throw .invalid }
        return Amount(bytes: bytes, percent: percent, isNegative: isNegative)
    }
}
