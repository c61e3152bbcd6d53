// SPDX-License-Identifier: Apache-2.0

/// Offsets in a virtual machine control block, in bytes (AMD APM 2, appendix B).
public enum VMCBField {
    public static var interceptControl: UInt64 { 0x000 }
    public static var interceptExceptions: UInt64 { 0x008 }
    public static var intercepts1: UInt64 { 0x00c }
    public static var intercepts2: UInt64 { 0x010 }
    public static var portMap: UInt64 { 0x040 }
    public static var msrMap: UInt64 { 0x048 }
    public static var tscOffset: UInt64 { 0x050 }
    public static var asid: UInt64 { 0x058 }
    /// One byte.
    public static var tlbControl: UInt64 { 0x05c }
    public static var virtualInterrupt: UInt64 { 0x060 }
    public static var interruptShadow: UInt64 { 0x068 }
    public static var exitCode: UInt64 { 0x070 }
    public static var exitInfo1: UInt64 { 0x078 }
    public static var exitInfo2: UInt64 { 0x080 }
    public static var exitInterrupt: UInt64 { 0x088 }
    public static var nestedPaging: UInt64 { 0x090 }
    public static var eventInjection: UInt64 { 0x0a8 }
    public static var nestedRoot: UInt64 { 0x0b0 }
    /// What has not changed since the last time; 0: everything has.
    public static var clean: UInt64 { 0x0c0 }
    /// Where the processor saves it: the next instruction.
    public static var nextRIP: UInt64 { 0x0c8 }

    public static var es: UInt64 { 0x400 }
    public static var cs: UInt64 { 0x410 }
    public static var ss: UInt64 { 0x420 }
    public static var ds: UInt64 { 0x430 }
    public static var fs: UInt64 { 0x440 }
    public static var gs: UInt64 { 0x450 }
    public static var gdtr: UInt64 { 0x460 }
    public static var ldtr: UInt64 { 0x470 }
    public static var idtr: UInt64 { 0x480 }
    public static var tr: UInt64 { 0x490 }
    /// One byte.
    public static var cpl: UInt64 { 0x4cb }
    public static var efer: UInt64 { 0x4d0 }
    public static var cr4: UInt64 { 0x548 }
    public static var cr3: UInt64 { 0x550 }
    public static var cr0: UInt64 { 0x558 }
    public static var dr7: UInt64 { 0x560 }
    public static var dr6: UInt64 { 0x568 }
    public static var rflags: UInt64 { 0x570 }
    public static var rip: UInt64 { 0x578 }
    public static var rsp: UInt64 { 0x5d8 }
    public static var rax: UInt64 { 0x5f8 }
    public static var star: UInt64 { 0x600 }
    public static var longStar: UInt64 { 0x608 }
    public static var compatStar: UInt64 { 0x610 }
    public static var flagMask: UInt64 { 0x618 }
    public static var kernelGSBase: UInt64 { 0x620 }
    public static var sysenterCS: UInt64 { 0x628 }
    public static var sysenterESP: UInt64 { 0x630 }
    public static var sysenterEIP: UInt64 { 0x638 }
    public static var cr2: UInt64 { 0x640 }
    public static var pat: UInt64 { 0x668 }
    /// The guest's SPEC_CTRL, where the processor keeps it (CPUID 0x8000000a, EDX bit 20).
    public static var speculationControl: UInt64 { 0x6e0 }
}

/// The word `virtualInterrupt` of a control block (AMD APM 2, 15.21.1).
public enum VirtualInterrupt {
    public static var priorityMask: UInt64 { 0xff }
    public static var request: UInt64 { 1 << 8 }
    public static var ignorePriority: UInt64 { 1 << 20 }
    /// Physical interrupts follow the host's mask, and CR8 is virtual.
    public static var masking: UInt64 { 1 << 24 }
    private static var priorityShift: UInt64 { 16 }
    private static var vectorShift: UInt64 { 32 }

    /// An interrupt that the processor gives the guest as soon as it takes one: the APIC's, which CR8 holds back, or one that
    /// nothing holds back.
    public static func delivery(of vector: UInt8, isAPICs: Bool) -> UInt64 {
        request | UInt64(vector) << vectorShift | (isAPICs ? UInt64(vector >> 4) << priorityShift : ignorePriority)
    }

    /// What was to be delivered, and was not; nil where there is none, or only a dummy (vector 0).
    public static func undelivered(_ word: UInt64) -> (vector: UInt8, isAPICs: Bool)? {
        let vector = UInt8(truncatingIfNeeded: word >> vectorShift)
        guard word & request != 0, vector != 0 else { return nil }
        return (vector, word & ignorePriority == 0)
    }
}

/// An event that the guest is to take on its next entry, or that it was taking when it left (AMD APM 2, 15.20).
public struct InjectedEvent: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public var isValid: Bool { rawValue >> 31 & 1 != 0 }
    public var vector: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    /// An instruction makes it, and will again.
    public var isSoftware: Bool { rawValue >> 8 & 7 == 4 }

    /// Whether this is only the delivery of a virtual interrupt that is requested still. QEMU (7.2) tells of one that was cut
    /// short in both places, and here calls it an exception.
    public func isDelivery(of vector: UInt8?) -> Bool { vector == self.vector && self.vector >= 32 }

    public static func interrupt(_ vector: UInt8) -> Self { Self(rawValue: 1 << 31 | UInt64(vector)) }
    public static var nmi: Self { Self(rawValue: 1 << 31 | 2 << 8 | 2) }
    /// An exception, with its error code where it has one.
    public static func exception(_ vector: UInt8, error: UInt32? = nil) -> Self {
        let code = error.map { UInt64($0) << 32 | 1 << 11 } ?? 0
        return Self(rawValue: 1 << 31 | 3 << 8 | UInt64(vector) | code)
    }
    /// What becomes of an intercepted exception that is the guest's own: it is delivered, after the event during whose delivery it
    /// came where that was an exception too, for both that are intercepted are benign ones (AMD APM 2, 8.2.9). Nil for the machine's.
    public static func reflected(_ vector: UInt8, error: UInt64) -> Self? {
        switch vector {
        case 1: exception(1)
        case 17: exception(17, error: UInt32(truncatingIfNeeded: error))
        default: nil
        }
    }
    /// #UD and #GP(0).
    public static var invalidOpcode: Self { exception(6) }
    public static var generalProtection: Self { exception(13, error: 0) }
}

/// A segment's attributes as a control block has them: bits 8-15 and 20-23 of its descriptor (AMD APM 2, 15.5.1).
public enum SegmentAttributes {
    public static var code32: UInt16 { 0xc9b }
    public static var data32: UInt16 { 0xc93 }
    public static var code16: UInt16 { 0x09b }
    public static var data16: UInt16 { 0x093 }
    public static var ldt: UInt16 { 0x082 }
    public static var busyTask: UInt16 { 0x08b }
    public static var isLong: UInt16 { 1 << 9 }
    public static var isWide: UInt16 { 1 << 10 }
}
