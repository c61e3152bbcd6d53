// SPDX-License-Identifier: Apache-2.0

/// `dom0_mem=[min:<sz>,][max:<sz>,][<sz>]`, where `<sz>` is `<size>`, `<percent>%` or `<size>+<percent>%`, and a leading
/// `-` takes it away from all there is. Of each of the three the last one counts, in whichever word it stands.
///
///     var memory = Dom0Memory()
///     try memory.read(word.value)
///     let bytes = memory.bytes(available: free)
public struct Dom0Memory: Hashable, Sendable, BitwiseCopyable {
    /// One amount.
    public struct Amount: Hashable, Sendable, BitwiseCopyable {
        public let bytes: UInt64
        /// 0 to 99.
        public let percent: UInt64
        public let isNegative: Bool

        /// The amount where `available` bytes are there. Saturates. To take away more than there is sets no limit, as in Xen,
        /// where the difference wraps around.
        public func resolve(available: UInt64) -> UInt64 {
            let (sum, overflow) = bytes.addingReportingOverflow(available / 100 * percent + available % 100 * percent / 100)
            let total = overflow ? UInt64.max : sum
            return isNegative ? (total > available ? .max : available - total) : total
        }
    }

    public private(set) var size: Amount?
    public private(set) var minimum: Amount?
    public private(set) var maximum: Amount?

    public init() {}

    /// Reads one word's value. Throws at the part that cannot be read; those before it count.
    public mutating func read(_ text: Span<UInt8>) throws(OptionError) {
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
    /// less than `min:` otherwise. Without an amount, or with 0: all but a sixteenth, of which at most 128 MiB.
    public func bytes(available: UInt64) -> UInt64 {
        let named = size?.resolve(available: available) ?? 0
        let wanted = named > 0 ? named : available - min(available / 16, 128 << 20)
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
