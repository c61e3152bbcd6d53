// SPDX-License-Identifier: Apache-2.0

/// The registers that CPUID returns.
public struct CPUIDResult: Hashable, Sendable, BitwiseCopyable {
    public var eax: UInt32
    public var ebx: UInt32
    public var ecx: UInt32
    public var edx: UInt32

    public init(eax: UInt32 = 0, ebx: UInt32 = 0, ecx: UInt32 = 0, edx: UInt32 = 0) {
        self.eax = eax
        self.ebx = ebx
        self.ecx = ecx
        self.edx = edx
    }
}

/// CPUID: the instruction, or a test's table.
public protocol ProcessorIdentification {
    func leaf(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDResult
}

/// What the hypervisor wants to know of the processor it runs on (Intel SDM 2A, CPUID; AMD APM 3, appendix E).
public struct ProcessorFeatures: Hashable, Sendable, BitwiseCopyable {
    /// EBX, EDX and ECX of leaf 0: twelve letters.
    public let vendor: InlineVendor
    public let family: UInt32
    public let model: UInt32
    public let stepping: UInt32
    /// EAX of leaf 1, which says these three.
    public let signature: UInt32
    /// This CPU's APIC ID as CPUID has it: 32 bits where there is leaf 11, else 8.
    public let apicID: UInt32
    public let hasX2APIC: Bool
    public let hasTSCDeadline: Bool
    /// The time stamp counter runs at one rate in every state of power.
    public let hasInvariantTSC: Bool
    /// 1 GiB pages.
    public let hasHugePages: Bool
    public let hasVMX: Bool
    public let hasSVM: Bool
    /// SVM with nested paging (CPUID 0x8000000a, EDX bit 0), and with the next instruction saved (bit 3).
    public let hasNestedPaging: Bool
    public let savesNextInstruction: Bool
    /// Somebody else's hypervisor is below.
    public let hasHypervisor: Bool
    /// Bits of a machine address.
    public let addressBits: UInt32
    /// Rate of the time stamp counter in Hz where the processor or the hypervisor below says it.
    public let tscFrequency: UInt64?

    public struct InlineVendor: Hashable, Sendable, BitwiseCopyable {
        public let ebx: UInt32
        public let edx: UInt32
        public let ecx: UInt32

        public func letter(_ index: Int) -> UInt8 {
            let word = index < 4 ? ebx : index < 8 ? edx : ecx
            return UInt8(truncatingIfNeeded: word >> UInt32(index % 4 * 8))
        }
        /// "GenuineIntel"
        public var isIntel: Bool { ebx == 0x756e_6547 && edx == 0x4965_6e69 && ecx == 0x6c65_746e }
        /// "HygonGenuine"
        public var isHygon: Bool { ebx == 0x6f67_7948 && edx == 0x6e65_476e && ecx == 0x656e_6975 }
        /// "AuthenticAMD"
        public var isAMD: Bool { ebx == 0x6874_7541 && edx == 0x6974_6e65 && ecx == 0x444d_4163 }
    }

    public init(_ cpu: some ProcessorIdentification) {
        let basic = cpu.leaf(0, 0)
        vendor = InlineVendor(ebx: basic.ebx, edx: basic.edx, ecx: basic.ecx)
        let leaf1 = cpu.leaf(1, 0)
        let extended = cpu.leaf(0x8000_0000, 0).eax
        let leaf81 = extended >= 0x8000_0001 ? cpu.leaf(0x8000_0001, 0) : CPUIDResult()
        let power = extended >= 0x8000_0007 ? cpu.leaf(0x8000_0007, 0) : CPUIDResult()
        let sizes = extended >= 0x8000_0008 ? cpu.leaf(0x8000_0008, 0) : CPUIDResult(eax: 36)

        signature = leaf1.eax
        let baseFamily = leaf1.eax >> 8 & 0xf
        family = baseFamily == 0xf ? baseFamily + (leaf1.eax >> 20 & 0xff) : baseFamily
        model = leaf1.eax >> 4 & 0xf | (baseFamily >= 6 ? leaf1.eax >> 12 & 0xf0 : 0)
        stepping = leaf1.eax & 0xf

        hasX2APIC = leaf1.ecx >> 21 & 1 != 0
        hasTSCDeadline = leaf1.ecx >> 24 & 1 != 0
        hasHypervisor = leaf1.ecx >> 31 & 1 != 0
        hasVMX = leaf1.ecx >> 5 & 1 != 0
        hasSVM = leaf81.ecx >> 2 & 1 != 0
        let virtualisation = extended >= 0x8000_000a && hasSVM ? cpu.leaf(0x8000_000a, 0).edx : 0
        hasNestedPaging = virtualisation & 1 != 0
        savesNextInstruction = virtualisation >> 3 & 1 != 0
        hasHugePages = leaf81.edx >> 26 & 1 != 0
        hasInvariantTSC = power.edx >> 8 & 1 != 0
        addressBits = min(52, max(32, sizes.eax & 0xff))

        let topology = basic.eax >= 11 ? cpu.leaf(11, 0) : CPUIDResult()
        apicID = topology.ebx & 0xffff != 0 ? topology.edx : leaf1.ebx >> 24
        tscFrequency = Self.statedFrequency(cpu, basic: basic.eax, underHypervisor: leaf1.ecx >> 31 & 1 != 0)
    }

    /// Leaf 0x15 where it has all three numbers, or the leaf 0x40000010 that hypervisors agree on (kHz).
    private static func statedFrequency(
        _ cpu: some ProcessorIdentification, basic: UInt32, underHypervisor: Bool
    ) -> UInt64? {
        if basic >= 0x15 {
            let ratio = cpu.leaf(0x15, 0)
            if ratio.eax != 0, ratio.ebx != 0, ratio.ecx != 0 {
                return UInt64(ratio.ecx) * UInt64(ratio.ebx) / UInt64(ratio.eax)
            }
        }
        if underHypervisor, cpu.leaf(0x4000_0000, 0).eax >= 0x4000_0010 {
            let kilohertz = cpu.leaf(0x4000_0010, 0).eax
            if kilohertz != 0 { return UInt64(kilohertz) * 1000 }
        }
        return nil
    }
}
