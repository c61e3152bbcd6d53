// SPDX-License-Identifier: Apache-2.0

/// What a processor of AMD's says of its speculation and of what helps against it (AMD APM 3, appendix E; AMD64 Technology:
/// Indirect Branch Control Extension, Speculative Store Bypass Disable).
public struct SpeculationFacts: Equatable, Sendable, BitwiseCopyable {
    /// AMD's or Hygon's, which are built alike. Of others nothing is known, and nothing is done.
    public var isAMD = false
    public var family: UInt32 = 0
    public var model: UInt32 = 0
    public var stepping: UInt32 = 0
    /// Revision of the microcode; 0 where it cannot be known.
    public var microcode: UInt32 = 0
    /// Somebody's hypervisor is below: it looks after the processor, which each of our guests' exits leads to first.
    public var isVirtualised = false
    /// A core runs several threads.
    public var hasThreads = false
    /// EBX of leaf 0x80000008.
    public var branches: UInt32 = 0
    /// EAX and ECX of leaf 0x80000021.
    public var extended: UInt32 = 0
    public var scheduler: UInt32 = 0
    /// EDX of leaf 0x8000000a: what SVM has.
    public var virtualisation: UInt32 = 0

    public init() {}

    public init(_ cpu: some ProcessorIdentification, microcode: UInt32) {
        let features = ProcessorFeatures(cpu)
        isAMD = features.vendor.isAMD || features.vendor.isHygon
        (family, model, stepping) = (features.family, features.model, features.stepping)
        isVirtualised = features.hasHypervisor
        self.microcode = isVirtualised ? 0 : microcode
        let last = cpu.leaf(0x8000_0000, 0).eax
        if last >= 0x8000_0008 { branches = cpu.leaf(0x8000_0008, 0).ebx }
        if last >= 0x8000_000a, features.hasSVM { virtualisation = cpu.leaf(0x8000_000a, 0).edx }
        if last >= 0x8000_0021 {
            let leaf = cpu.leaf(0x8000_0021, 0)
            (extended, scheduler) = (leaf.eax, leaf.ecx)
        }
        // EBX[15:8] of leaf 0x8000001e: threads of a core, less one.
        if last >= 0x8000_001e { hasThreads = cpu.leaf(0x8000_001e, 0).ebx >> 8 & 0xff != 0 }
    }

    public func has(_ hint: BranchHint) -> Bool { branches >> hint.rawValue & 1 != 0 }
    public func has(_ hint: ExtendedHint) -> Bool { extended >> hint.rawValue & 1 != 0 }
    public func has(_ hint: SchedulerHint) -> Bool { scheduler >> hint.rawValue & 1 != 0 }

    /// Bits of EBX of leaf 0x80000008.
    public enum BranchHint: UInt32, Sendable {
        case ibpb = 12, ibrs = 14, stibp = 15, ibrsAlways = 16, stibpAlways = 17, ibrsFast = 18, ibrsSameMode = 19, ssbd =
            24,
            virtualSSBD = 25, noStoreBypass = 26, psfd = 28, noTypeConfusion = 29, ibpbReturns = 30
    }

    /// Bits of EAX of leaf 0x80000021.
    public enum ExtendedHint: UInt32, Sendable {
        case lfenceSerialises = 2, verwClears = 5, automaticIBRS = 8, sbpb = 27, ibpbTypes = 28, noReturnOverflow = 29,
            noUserReturnOverflow = 30, reducesPrediction = 31
    }

    /// Bits of ECX of leaf 0x80000021.
    public enum SchedulerHint: UInt32, Sendable {
        case noStoreQueueAttack = 1, noL1Attack = 2
    }

    /// The second of the Zen generations brought STIBP, with or without new microcode (AMD: Branch Type Confusion).
    var isZen1: Bool { isAMD && (family == 0x17 || family == 0x18) && !has(.stibp) }
    var isZen2: Bool { isAMD && family == 0x17 && has(.stibp) }
    /// Family 0x19 is Zen 3, and Zen 4 where it has automatic IBRS.
    var isZen4: Bool { isAMD && family == 0x19 && has(.automaticIBRS) }
    /// Family 0x19 never had it; newer microcode says so.
    var confusesTypes: Bool { isAMD && family < 0x19 && !has(.noTypeConfusion) }

    /// VERW clears what the transient scheduler attacks read (XSA-471; AMD-SB-7029): the processor says so, or its microcode is one that does.
    var clearsWithVERW: Bool {
        guard isAMD, !(has(.noStoreQueueAttack) || has(.noL1Attack)) else { return false }
        if has(.verwClears) { return true }
        guard family == 0x19, !isVirtualised else { return false }
        return hasMicrocode(of: Self.clearingMicrocode)
    }

    /// Whether the microcode is at least the revision of a list that is for this processor: all but the lowest byte says which.
    func hasMicrocode<let count: Int>(of revisions: InlineArray<count, UInt32>) -> Bool {
        for index in revisions.indices where revisions[index] >> 8 == microcode >> 8 { return microcode >= revisions[index] }
        return false
    }

    /// What guests may know of it that CPUID does not say: bits of EAX of leaf 0x80000021.
    public var hints: UInt32 { extended | (clearsWithVERW ? 1 << ExtendedHint.verwClears.rawValue : 0) }

    /// The first revisions whose VERW clears, by processor (AMD-SB-7029).
    private static var clearingMicrocode: InlineArray<16, UInt32> {
        [
            0x0a00_11d7, 0x0a00_123b, 0x0a00_820d, 0x0a10_114c, 0x0a10_124c, 0x0a10_8109, 0x0a20_102e, 0x0a20_1211,
            0x0a40_4108, 0x0a50_0012, 0x0a60_120a, 0x0a70_4108, 0x0a70_5208, 0x0a70_8008, 0x0a70_c008, 0x0aa0_0216,
        ]
    }
}
