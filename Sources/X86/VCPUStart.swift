// SPDX-License-Identifier: Apache-2.0

/// What a vCPU starts with that its domain has set up (VCPUOP_initialise): struct vcpu_hvm_context, checked as Xen does.
public struct VCPUStart: BitwiseCopyable, Sendable {
    /// As a control block has it: attributes, limit and base.
    public struct Segment: BitwiseCopyable, Sendable, Equatable {
        public var attributes: UInt16
        public var limit: UInt32
        public var base: UInt64

        fileprivate var isNull: Bool { attributes == 0 }
        fileprivate var type: UInt16 { attributes & 0xf }
        fileprivate var isCodeOrData: Bool { attributes >> 4 & 1 != 0 }
        fileprivate var level: UInt16 { attributes >> 5 & 3 }
        fileprivate var isPresent: Bool { attributes >> 7 & 1 != 0 }
        fileprivate var lastByte: UInt32 { attributes >> 11 & 1 != 0 ? limit << 12 | 0xfff : limit }
    }

    /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI.
    public var registers = InlineArray<8, UInt64>(repeating: 0)
    public var instruction: UInt64 = 0
    public var flags: UInt64 = 0
    public var cr0: UInt64 = 0
    public var cr3: UInt64 = 0
    public var cr4: UInt64 = 0
    public var features: UInt64 = 0
    public var code = Segment(attributes: 0xa9b, limit: .max, base: 0)
    public var stack = Segment(attributes: 0xc93, limit: .max, base: 0)
    public var data = Segment(attributes: 0xc93, limit: .max, base: 0)
    public var extra = Segment(attributes: 0xc93, limit: .max, base: 0)
    public var task = Segment(attributes: 0x8b, limit: 0x67, base: 0)

    private static var longMode: UInt64 { 1 << 8 }
    private static var longModeActive: UInt64 { 1 << 10 }

    /// The context's sixteen words. Nil for what Xen answers with EINVAL, and for what could not be entered.
    public init?(_ words: InlineArray<16, UInt64>, _ rules: ControlRules) {
        // The mode, and padding: 32 or 64 bits.
        switch words[0] {
        case 0: guard readNarrow(words) else { return nil }
        case 1: guard readWide(words) else { return nil }
        default: return nil
        }
        if features & Self.longMode != 0 { features |= Self.longModeActive }
        let state = ControlState(cr0: cr0, cr3: cr3, cr4: cr4, efer: features, code: code.attributes)
        guard EntryCheck.failure(of: EntryState(state), rules) == nil else { return nil }
    }

    /// struct vcpu_hvm_x86_64
    private mutating func readWide(_ words: InlineArray<16, UInt64>) -> Bool {
        for index in 0..<8 { registers[index] = words[1 + index] }
        instruction = words[9]
        flags = words[10]
        cr0 = words[11]
        cr3 = words[12]
        cr4 = words[13]
        features = words[14]
        let top = Int64(bitPattern: instruction) >> 47
        return (top == 0 || top == -1) && cr0 >> 31 & 1 != 0 && cr4 >> 5 & 1 != 0 && features & Self.longMode != 0
    }

    /// struct vcpu_hvm_x86_32
    private mutating func readNarrow(_ words: InlineArray<16, UInt64>) -> Bool {
        func word(_ index: Int) -> UInt32 { UInt32(truncatingIfNeeded: words[1 + index / 2] >> UInt64(index % 2 * 32)) }
        for index in 0..<8 { registers[index] = UInt64(word(index)) }
        instruction = UInt64(word(8))
        flags = UInt64(word(9))
        cr0 = UInt64(word(10))
        cr3 = UInt64(word(11))
        cr4 = UInt64(word(12))
        features = words[8]
        // Segments in the order CS, DS, SS, ES, TR.
        func segment(_ index: Int) -> Segment {
            let attributes = UInt16(truncatingIfNeeded: word(26 + index / 2) >> UInt32(index % 2 * 16))
            // Those that are there have been used: accessed, or busy.
            let used: UInt16 = attributes >> 7 & 1 == 0 ? 0 : index == 4 ? 2 : 1
            return Segment(attributes: attributes | used, limit: word(21 + index), base: UInt64(word(16 + index)))
        }
        (code, data, stack, extra, task) = (segment(0), segment(1), segment(2), segment(3), segment(4))
        return word(13) == 0 && word(28) >> 16 == 0 && word(29) == 0 && segmentsAreGood
            && (features & Self.longModeActive == 0 || features & Self.longMode != 0)
    }

    private var segmentsAreGood: Bool {
        func isGood(_ segment: Segment) -> Bool {
            segment.attributes >> 12 == 0 && segment.isCodeOrData && segment.isPresent
        }
        func isData(_ segment: Segment) -> Bool {
            // Code that can be read, or data, not of a more privileged level's making.
            segment.isNull || isGood(segment) && segment.type & 0xa != 8 && segment.level <= code.level
        }
        return isGood(code) && code.type & 8 != 0 && UInt32(truncatingIfNeeded: instruction) <= code.lastByte
            && isGood(stack) && stack.type & 0xa == 2 && stack.level == code.level && isData(data) && isData(extra)
            && task.attributes >> 12 == 0 && !task.isCodeOrData && task.type == 0xb && task.isPresent
    }
}
