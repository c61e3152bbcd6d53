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

    public init(tscKilohertz: UInt32) { self.tscKilohertz = tscKilohertz }

    // MARK: Masks

    /// Bits that pass, by leaf, subleaf and register; a leaf that is not listed is all zeros.
    private struct Rule {
        let leaf: UInt32
        let eax: UInt32
        let ebx: UInt32
        let ecx: UInt32
        let edx: UInt32
    }

    private static var all: UInt32 { .max }
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
    /// SYSCALL NX MMXEXT FFXSR 1GB LM, and AMD's copies of leaf 1.
    private static var extended1EDX: UInt32 {
        leaf1EDX & 0x0183_f3ff | 1 << 11 | 1 << 20 | 1 << 22 | 1 << 24 | 1 << 25 | 1 << 26 | 1 << 29
    }

    private static var rules: InlineArray<14, Rule> {
        [
            Rule(leaf: 0x0000_0000, eax: 0, ebx: all, ecx: all, edx: all),
            Rule(leaf: 0x0000_0001, eax: all, ebx: 0xff00, ecx: leaf1ECX, edx: leaf1EDX),
            Rule(leaf: 0x0000_0002, eax: all, ebx: all, ecx: all, edx: all),
            Rule(leaf: 0x0000_0007, eax: 0, ebx: leaf7EBX, ecx: 0, edx: 0),
            Rule(leaf: 0x8000_0000, eax: 0, ebx: all, ecx: all, edx: all),
            Rule(leaf: 0x8000_0001, eax: all, ebx: all, ecx: extended1ECX, edx: extended1EDX),
            Rule(leaf: 0x8000_0002, eax: all, ebx: all, ecx: all, edx: all),
            Rule(leaf: 0x8000_0003, eax: all, ebx: all, ecx: all, edx: all),
            Rule(leaf: 0x8000_0004, eax: all, ebx: all, ecx: all, edx: all),
            Rule(leaf: 0x8000_0005, eax: all, ebx: all, ecx: all, edx: all),
            Rule(leaf: 0x8000_0006, eax: all, ebx: all, ecx: all, edx: all),
            Rule(leaf: 0x8000_0007, eax: 0, ebx: 0, ecx: 0, edx: 1 << 8),
            Rule(leaf: 0x8000_0008, eax: 0xffff, ebx: 0, ecx: 0, edx: 0),
            // The processor's save area: sizes follow XCR0.
            Rule(leaf: 0x0000_000d, eax: 7, ebx: 0, ecx: 0, edx: 0),
        ]
    }

    private static var hypervisorBase: UInt32 { 0x4000_0000 }
    private static var largestBasic: UInt32 { 0xd }
    private static var largestExtended: UInt32 { 0x8000_0008 }

    // MARK: Answers

    /// What `leaf` and `subleaf` say to `subject`, with `host` the real answer's source.
    public func answer(
        _ leaf: UInt32, _ subleaf: UInt32, to subject: Subject, host: some ProcessorIdentification
    ) -> CPUIDResult {
        if leaf &- Self.hypervisorBase < 0x100 { return hypervisorLeaf(leaf - Self.hypervisorBase, subleaf, subject) }
        guard leaf == 0xd || subleaf == 0 || leaf != 7 else { return CPUIDResult() }
        let rules = Self.rules
        for index in rules.indices where rules[index].leaf == leaf {
            let rule = rules[index]
            let real = host.leaf(leaf, leaf == 0xd ? subleaf : 0)
            let cut = CPUIDResult(
                eax: real.eax & rule.eax, ebx: real.ebx & rule.ebx, ecx: real.ecx & rule.ecx, edx: real.edx & rule.edx)
            return adjust(leaf, subleaf, cut, real, subject)
        }
        return CPUIDResult()
    }

    /// What depends on the guest.
    private func adjust(
        _ leaf: UInt32, _ subleaf: UInt32, _ cut: CPUIDResult, _ real: CPUIDResult, _ subject: Subject
    ) -> CPUIDResult {
        var result = cut
        switch leaf {
        case 0: result.eax = min(real.eax, Self.largestBasic)
        case 0x8000_0000: result.eax = min(real.eax, Self.largestExtended)
        case 1:
            result.ebx |= Self.apicID(ofVCPU: subject.vcpu) << 24 | min(subject.vcpus * 2, 255) << 16
            // x2APIC, hypervisor; OSXSAVE follows CR4.
            result.ecx |= 1 << 21 | 1 << 31
            if real.ecx >> 26 & 1 != 0, subject.cr4 >> 18 & 1 != 0 { result.ecx |= 1 << 27 }
        case 0xd: result = saveArea(subleaf, real, subject)
        default: break
        }
        return result
    }

    /// x87 and SSE, and AVX where the host has it; XSAVEOPT.
    private func saveArea(_ subleaf: UInt32, _ real: CPUIDResult, _ subject: Subject) -> CPUIDResult {
        switch subleaf {
        case 0:
            let mask = real.eax & UInt32(Self.extendedStates)
            let current: UInt32 = subject.extendedControl >> 2 & 1 != 0 ? 832 : 576
            return CPUIDResult(eax: mask, ebx: current, ecx: mask >> 2 & 1 != 0 ? 832 : 576)
        case 1: return CPUIDResult(eax: real.eax & 1)
        case 2: return CPUIDResult(eax: real.eax, ebx: real.ebx)
        default: return CPUIDResult()
        }
    }

    /// Bits of XCR0 that a guest may set.
    public static var extendedStates: UInt64 { 7 }

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
