// SPDX-License-Identifier: Apache-2.0

/// A counter of known rate, by which others are measured: PM timer, HPET, PIT.
public protocol ReferenceCounter {
    /// Counts per second.
    var frequency: UInt64 { get }
    /// The counter's bits: it wraps to 0 from all ones.
    var mask: UInt64 { get }
    func read() -> UInt64
}

/// A counter that is measured.
public protocol MeasuredCounter {
    func read() -> UInt64
}

/// Measures the rate of one counter by another.
public enum Calibration {
    /// Two counters at one moment, as near as could be had.
    struct Sample {
        var reference: UInt64
        var measured: UInt64
    }

    /// Rate of `counter` in Hz over `milliseconds`. Nil where the reference stands still.
    ///
    /// The wait is bounded: a reference that does not move for a million reads is dead. The reference must not wrap within
    /// `milliseconds`.
    public static func frequency(
        of counter: some MeasuredCounter, by reference: some ReferenceCounter, milliseconds: UInt64
    ) -> UInt64? {
        let start = sample(counter, reference)
        let wanted = reference.frequency * milliseconds / 1000
        var elapsed: UInt64 = 0
        var idle = 0
        while elapsed < wanted {
            let now = reference.read() &- start.reference & reference.mask
            idle = now == elapsed ? idle + 1 : 0
            guard idle < 1_000_000 else { return nil }
            elapsed = now
        }
        let end = sample(counter, reference)
        let counts = (end.reference &- start.reference) & reference.mask
        return counts > 0 ? scale(end.measured &- start.measured, by: reference.frequency, over: counts) : nil
    }

    /// `value` * `multiplier` / `divisor` without a division of 128 bits. Exact as long as `divisor` * `multiplier` has 64
    /// bits; all ones where the result has more.
    public static func scale(_ value: UInt64, by multiplier: UInt64, over divisor: UInt64) -> UInt64 {
        let whole = (value / divisor).multipliedReportingOverflow(by: multiplier)
        let rest = (value % divisor).multipliedReportingOverflow(by: multiplier)
        let sum = whole.partialValue.addingReportingOverflow(rest.partialValue / divisor)
        return whole.overflow || rest.overflow || sum.overflow ? .max : sum.partialValue
    }

    /// Of a few attempts the one in which the read of the reference took least: there an interruption of ours by whoever
    /// emulates or manages the machine was least.
    private static func sample(_ counter: some MeasuredCounter, _ reference: some ReferenceCounter) -> Sample {
        var best = Sample(reference: 0, measured: 0)
        var least = UInt64.max
        for _ in 0..<8 {
            let before = counter.read()
            let value = reference.read()
            let after = counter.read()
            if after &- before < least {
                least = after &- before
                best = Sample(reference: value, measured: before &+ (after &- before) / 2)
            }
        }
        return best
    }

    /// The rate to go by: what was measured, or what is stated where the two agree to half a percent, because that is exact.
    /// An emulator may state the rate of the processor it imitates.
    public static func settle(measured: UInt64?, stated: UInt64?) -> UInt64? {
        guard let measured else { return stated }
        guard let stated else { return measured }
        let difference = measured > stated ? measured - stated : stated - measured
        return difference <= stated / 200 ? stated : measured
    }
}
