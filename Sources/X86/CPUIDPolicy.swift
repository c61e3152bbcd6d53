// SPDX-License-Identifier: Apache-2.0

/// What a PVH guest's CPUID says: the host's answer, cut to what is virtualised, with what the hypervisor adds (AMD APM 3,
/// appendix E; Xen: arch-x86/cpuid.h).
public struct CPUIDPolicy: Sendable, BitwiseCopyable {
    /// What one vCPU's answer depends on besides the leaf.
    public struct Subject: Sendable, BitwiseCopyable {
        public var vcpu: UInt32
        public var vcpus: UInt32
        public var domain: UInt16
        public var cr4: UInt64
        /// XCR0.
        public var extendedControl: UInt64
        /// Whether devices reach what the guest maps of other domains: not where DMA goes by machine frames.
        public var mapsDMA: Bool

        public init(vcpu: UInt32, vcpus: UInt32, domain: UInt16, cr4: UInt64, extendedControl: UInt64, mapsDMA: Bool) {
            self.vcpu = vcpu
            self.vcpus = vcpus
            self.domain = domain
            self.cr4 = cr4
            self.extendedControl = extendedControl
            self.mapsDMA = mapsDMA
        }
    }

    /// The vCPU's APIC ID. Xen leaves every other one out, and so do its tools.
    public static func apicID(ofVCPU vcpu: UInt32) -> UInt32 { vcpu * 2 }

    /// Rate of the time stamp counter in kHz.
    public let tscKilohertz: UInt32
    /// What guests are offered, of the host's features: what is virtualised and has all that it needs.
    public let features: CPUFeatureSet
    /// What follows for its control registers.
    public let controls: ControlRules
    /// The processor has leaf 0x80000021.
    private let hasHints: Bool

    /// `allowed` is what the command line has left. Guests have a SPEC_CTRL where `hasControl`; `hints` are what is known of the
    /// processor besides, as bits of EAX of leaf 0x80000021.
    public init(
        tscKilohertz: UInt32, host: some ProcessorIdentification, allowed: CPUFeatureSet = .all, hasControl: Bool = false,
        hints: UInt32 = 0
    ) {
        self.tscKilohertz = tscKilohertz
        var virtualised = Self.virtualised
        virtualised.sizesEBX = Self.speculationHints | (hasControl ? Self.speculationControls : 0)
        var own = CPUFeatureSet(host)
        hasHints = host.leaf(0x8000_0000, 0).eax >= Self.hintsLeaf
        if hasHints { own.hintsEAX |= hints }
        var features = own.intersection(virtualised).intersection(allowed)
        // The APIC in both its modes is ours, and so is that there is a hypervisor.
        features.basicEDX |= CPUFeature.apic.mask
        features.basicECX |= CPUFeature.x2apic.mask | 1 << 31
        features.close()
        let states = features.has(.xsave) ? UInt64(host.leaf(0xd, 0).eax) & Self.knownStates : 0
        // XCR0 has to hold what AVX works on.
        if states & Self.vectorStates != Self.vectorStates {
            features.remove(.avx)
            features.close()
        }
        // AMD's copies of leaf 1, where they are.
        let copies = Self.copied & features.extendedEDX & features.basicEDX
        features.extendedEDX = features.extendedEDX & ~Self.copied | copies
        self.features = features
        controls = ControlRules(
            features, extendedStates: features.has(.avx) ? states : states & 3,
            addressBits: UInt64(ProcessorFeatures(host).addressBits))
    }

    private var extendedStates: UInt64 { controls.extendedStates }

    // MARK: Masks

    /// FPU VME DE PSE TSC MSR PAE CX8 APIC SEP MTRR PGE CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2 HTT.
    private static var leaf1EDX: UInt32 { 0x178b_bb7f }
    /// SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND.
    private static var leaf1ECX: UInt32 { 0x76d8_3203 }
    /// FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA.
    private static var leaf7EBX: UInt32 {
        1 << 0 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 18 | 1 << 19 | 1 << 20 | 1 << 23 | 1 << 24 | 1 << 29
    }
    /// LAHF CR8 ABM SSE4A MISALIGNSSE 3DNOWPREFETCH.
    private static var extended1ECX: UInt32 { 0x1f1 }
    /// Bits of 0x80000001's EDX that say what leaf 1 says.
    private static var copied: UInt32 { 0x0183_f3ff }
    /// SYSCALL NX MMXEXT FFXSR 1GB LM, and AMD's copies of leaf 1.
    private static var extended1EDX: UInt32 {
        leaf1EDX & copied | 1 << 11 | 1 << 20 | 1 << 22 | 1 << 24 | 1 << 25 | 1 << 26 | 1 << 29
    }
    /// IBPB, and what the processor says it need not be protected from: SSB_NO, BTC_NO, IBPB_RET.
    private static var speculationHints: UInt32 { 1 << 12 | 1 << 26 | 1 << 29 | 1 << 30 }
    /// IBRS and STIBP, what is said of them, SSBD and PSFD: all bits of SPEC_CTRL.
    private static var speculationControls: UInt32 { 1 << 14 | 0x1f << 15 | 1 << 24 | 1 << 28 }
    /// x87, SSE and AVX.
    static var knownStates: UInt64 { 7 }
    private static var vectorStates: UInt64 { 6 }

    /// Features that a guest can have here.
    static var virtualised: CPUFeatureSet {
        var set = CPUFeatureSet()
        (set.basicEDX, set.basicECX) = (leaf1EDX, leaf1ECX)
        (set.extendedEDX, set.extendedECX) = (extended1EDX, extended1ECX)
        // XSAVEOPT
        set.saveEAX = 1
        set.structuredEBX = leaf7EBX
        // Invariant TSC
        set.powerEDX = 1 << 8
        // What is so whoever runs: LFENCE serialises, VERW clears, null selectors clear bases, IBPB forgets types, SRSO_NO, SRSO_US_NO.
        set.hintsEAX = 1 << 2 | 1 << 5 | 1 << 6 | 1 << 28 | 1 << 29 | 1 << 30
        // TSA_SQ_NO, TSA_L1_NO
        set.hintsECX = 1 << 1 | 1 << 2
        return set
    }

    private static var hypervisorBase: UInt32 { 0x4000_0000 }
    private static var largestBasic: UInt32 { 0xd }
    private static var largestExtended: UInt32 { 0x8000_0008 }
    private static var hintsLeaf: UInt32 { 0x8000_0021 }

    // MARK: Answers

    /// What `leaf` and `subleaf` say to `subject`, with `host` the real answer's source.
    public func answer(
        _ leaf: UInt32, _ subleaf: UInt32, to subject: Subject, host: some ProcessorIdentification
    ) -> CPUIDResult {
        if leaf &- Self.hypervisorBase < 0x100 { return hypervisorLeaf(leaf - Self.hypervisorBase, subleaf, subject) }
        switch leaf {
        case 0, 0x8000_0000:
            var real = host.leaf(leaf, 0)
            let largest = leaf == 0 ? Self.largestBasic : hasHints ? Self.hintsLeaf : Self.largestExtended
            real.eax = min(real.eax, largest)
            return real
        case 1: return basic(host.leaf(1, 0), subject)
        case 7 where subleaf == 0:
            return CPUIDResult(ebx: features.structuredEBX, ecx: features.structuredECX, edx: features.structuredEDX)
        case 0xd: return saveArea(subleaf, host, subject)
        // Caches and TLBs, the processor's name.
        case 2, 0x8000_0002...0x8000_0006: return host.leaf(leaf, 0)
        case 0x8000_0001:
            let real = host.leaf(leaf, 0)
            return CPUIDResult(eax: real.eax, ebx: real.ebx, ecx: features.extendedECX, edx: features.extendedEDX)
        case 0x8000_0007: return CPUIDResult(edx: features.powerEDX)
        case 0x8000_0008: return CPUIDResult(eax: sizes(host.leaf(leaf, 0).eax), ebx: features.sizesEBX)
        case Self.hintsLeaf where hasHints: return CPUIDResult(eax: features.hintsEAX, ecx: features.hintsECX)
        default: return CPUIDResult()
        }
    }

    private func basic(_ real: CPUIDResult, _ subject: Subject) -> CPUIDResult {
        let processors = min(subject.vcpus * 2, 255)
        // OSXSAVE follows CR4.
        let isSaving: UInt32 = features.has(.xsave) && subject.cr4 >> 18 & 1 != 0 ? 1 << 27 : 0
        return CPUIDResult(
            eax: real.eax, ebx: Self.apicID(ofVCPU: subject.vcpu) << 24 | processors << 16 | real.ebx & 0xff00,
            ecx: features.basicECX | isSaving, edx: features.basicEDX)
    }

    /// Bits of physical and of linear addresses; without long mode there are 32 of the latter.
    private func sizes(_ real: UInt32) -> UInt32 {
        features.has(.lm) ? real & 0xffff : real & 0xff | 32 << 8
    }

    /// x87 and SSE, and AVX where it is offered; XSAVEOPT. The processor's save area: sizes follow XCR0.
    private func saveArea(_ subleaf: UInt32, _ host: some ProcessorIdentification, _ subject: Subject) -> CPUIDResult {
        let hasVectors = extendedStates >> 2 & 1 != 0
        switch subleaf {
        case 0 where extendedStates != 0:
            let current: UInt32 = subject.extendedControl >> 2 & 1 != 0 ? 832 : 576
            return CPUIDResult(eax: UInt32(extendedStates), ebx: current, ecx: hasVectors ? 832 : 576)
        case 1 where extendedStates != 0: return CPUIDResult(eax: features.saveEAX)
        case 2 where hasVectors:
            let real = host.leaf(0xd, 2)
            return CPUIDResult(eax: real.eax, ebx: real.ebx)
        default: return CPUIDResult()
        }
    }

    // MARK: The hypervisor's own leaves

    private enum Feature {
        static var x2APIC: UInt32 { 1 << 1 }
        static var mapsDMA: UInt32 { 1 << 2 }
        static var vcpuID: UInt32 { 1 << 3 }
        static var domainID: UInt32 { 1 << 4 }
        static var upcallVector: UInt32 { 1 << 6 }
    }

    private func hypervisorLeaf(_ index: UInt32, _ subleaf: UInt32, _ subject: Subject) -> CPUIDResult {
        switch (index, subleaf) {
        // "XenVMMXenVMM"
        case (0, _):
            return CPUIDResult(eax: Self.hypervisorBase + 5, ebx: 0x566e_6558, ecx: 0x6558_4d4d, edx: 0x4d4d_566e)
        case (1, _): return CPUIDResult(eax: 4 << 16 | 17)
        // One page of hypercalls, by this MSR.
        case (2, _): return CPUIDResult(eax: 1, ebx: Self.hypervisorBase)
        // The time stamp counter is the host's own and not emulated.
        case (3, 0): return CPUIDResult(eax: 1 << 1, ebx: 2, ecx: tscKilohertz)
        case (3, 2): return CPUIDResult(eax: tscKilohertz)
        case (4, 0):
            return CPUIDResult(
                eax: Feature.x2APIC | Feature.vcpuID | Feature.domainID | Feature.upcallVector
                    | (subject.mapsDMA ? Feature.mapsDMA : 0),
                ebx: subject.vcpu, ecx: UInt32(subject.domain))
        default: return CPUIDResult()
        }
    }
}
