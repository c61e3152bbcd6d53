// SPDX-License-Identifier: Apache-2.0

/// Which of Arm's processors it is: MIDR_EL1 (ARM DDI 0487, D17.2.100). Part numbers are those of the processors' manuals.
public struct ProcessorModel: Equatable, Sendable, BitwiseCopyable {
    /// Nil for other makers' processors.
    public let part: UInt16?
    /// Variant and revision, r<n>p<m>, as n and m in four bits each.
    public let revision: UInt8

    public init(midr: UInt64) {
        part = midr >> 24 & 0xff == 0x41 ? UInt16(midr >> 4 & 0xfff) : nil
        revision = UInt8(midr >> 20 & 0xf) << 4 | UInt8(midr & 0xf)
    }

    public static var a57: UInt16 { 0xd07 }
    public static var a72: UInt16 { 0xd08 }
    public static var a73: UInt16 { 0xd09 }
    public static var a75: UInt16 { 0xd0a }
    public static var a76: UInt16 { 0xd0b }
    public static var n1: UInt16 { 0xd0c }
    public static var a77: UInt16 { 0xd0d }
    public static var a76AE: UInt16 { 0xd0e }
    public static var v1: UInt16 { 0xd40 }
    public static var a78: UInt16 { 0xd41 }
    public static var a78AE: UInt16 { 0xd42 }
    public static var x1: UInt16 { 0xd44 }
    public static var a710: UInt16 { 0xd47 }
    public static var x2: UInt16 { 0xd48 }
    public static var n2: UInt16 { 0xd49 }
    public static var a78C: UInt16 { 0xd4b }
    public static var x1C: UInt16 { 0xd4c }
    public static var x3: UInt16 { 0xd4e }
    public static var v2: UInt16 { 0xd4f }
    public static var x4: UInt16 { 0xd82 }
    public static var v3AE: UInt16 { 0xd83 }
    public static var v3: UInt16 { 0xd84 }
    public static var x925: UInt16 { 0xd85 }
    public static var c1Ultra: UInt16 { 0xd8c }
    public static var c1Premium: UInt16 { 0xd90 }
}

/// Faults of processors that the hypervisor works around (Arm's software developer errata notices).
public struct ProcessorErrata: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A broadcast TLBI and its DSB may be over before accesses through what they invalidated are: the pair is repeated once
    /// (1286807 and those of CVE-2025-10263; XSA-493).
    public static var earlyInvalidation: Self { Self(rawValue: 1) }
    /// A read of PAR_EL1 beside a load from a device can hang the processor: DMB SY on either side (1508412; XSA-436).
    public static var translationResult: Self { Self(rawValue: 2) }
    /// Guests that do not know better can hang the machine (832075, 1508412). Nothing helps but to trust them.
    public static var hangsByGuests: Self { Self(rawValue: 4) }

    /// What the processor with this MIDR_EL1 has.
    public init(midr: UInt64) {
        let model = ProcessorModel(midr: midr)
        let rows = Self.rows
        var found = Self()
        for index in rows.indices where rows[index].part == model.part && model.revision <= rows[index].last {
            found.formUnion(rows[index].errata)
        }
        self = found
    }

    /// A processor, the last revision that has the fault, and the fault.
    private static var rows: InlineArray<23, (part: UInt16, last: UInt8, errata: Self)> {
        let early = earlyInvalidation
        let model = ProcessorModel.self
        return [
            (model.a57, 0x12, .hangsByGuests), (model.a77, 0x10, [.translationResult, .hangsByGuests]),
            (model.a76, .max, early), (model.a76AE, .max, early), (model.a77, .max, early), (model.a78, .max, early),
            (model.a78AE, .max, early), (model.a78C, .max, early), (model.a710, .max, early), (model.x1, .max, early),
            (model.x1C, .max, early), (model.x2, .max, early), (model.x3, .max, early), (model.x4, .max, early),
            (model.x925, .max, early), (model.n1, .max, early), (model.n2, .max, early), (model.v1, .max, early),
            (model.v2, .max, early), (model.v3, .max, early), (model.v3AE, .max, early), (model.c1Ultra, .max, early),
            (model.c1Premium, .max, early),
        ]
    }
}
