// SPDX-License-Identifier: Apache-2.0

import Base
import P2M
import Support
import Testing

@testable import X86

@Suite struct SVMExitTests {
    static let rows: [(UInt64, UInt64, UInt64, SVMExit)] = [
        (0x60, 0, 0, .interrupt), (0x61, 0, 0, .nmi), (0x64, 0, 0, .window), (0x72, 0, 0, .cpuid), (0x78, 0, 0, .halt),
        (0x7c, 0, 0, .readMSR), (0x7c, 1, 0, .writeMSR), (0x7f, 0, 0, .shutdown), (0x81, 0, 0, .hypercall),
        (0x80, 0, 0, .undefined), (0x8e, 0, 0, .undefined), (0x88, 0, 0, .debugInstruction), (0x8d, 0, 0, .setExtendedControl),
        (.max, 0, 0, .invalidState), (0x41, 0, 0, .exception(vector: 1, error: 0)), (0x51, 0, 0, .exception(vector: 17, error: 0)),
        // As QEMU (7.2) writes it.
        (0xffff_ffff, 0, 0, .invalidState),
        (0x52, 5, 0, .exception(vector: 18, error: 5)), (0x66, 0, 0, .unexpected(code: 0x66)),
        (0x14, 0, 0, .systemRegister), (0x10, 0, 0, .systemRegister), (0x13, 0, 0, .unexpected(code: 0x13)), (0x34, 0, 0, .systemRegister),
        (0x37, 0, 0, .systemRegister), (0x33, 0, 0, .unexpected(code: 0x33)),
        (0x7b, 0x3f8 << 16 | 1 << 4 | 1, 0x1234, .port(PortAccess(info1: 0x3f80011, next: 0x1234))),
        (0x400, 1 << 33 | 7, 0xfee0_0000, .nestedFault(NestedFault(error: 1 << 33 | 7, address: 0xfee0_0000))),
    ]

    @Test(arguments: rows.indices) func decodes(_ index: Int) {
        let row = Self.rows[index]
        #expect(SVMExit(code: row.0, info1: row.1, info2: row.2) == row.3)
    }

    @Test func portsAndFaults() {
        let port = PortAccess(info1: 0xcfc << 16 | 1 << 6, next: 9)
        #expect(port.port == 0xcfc && port.width == 4 && !port.isRead && !port.isString)
        #expect(PortAccess(info1: 1 << 5 | 1 << 2 | 1, next: 0).width == 2)
        let fault = NestedFault(error: 1 << 33 | 7, address: 0)
        #expect(fault.isPresent && fault.isWrite && !fault.isFetch && fault.isTableWalk)
    }
}

@Suite struct HypercallModeTests {
    static let rows: [(cr0: UInt64, flags: UInt64, isLong: Bool, level: UInt8, HypercallMode?)] = [
        (0x8000_0011, 2, true, 0, .bits64), (0x8000_0011, 2, false, 0, .bits32), (0x11, 2, false, 0, .bits32),
        // Real mode has no rights to lack.
        (0x10, 2, false, 0, .bits32), (0x10, 2, false, 3, .bits32),
        (0x8000_0011, 2, true, 3, nil), (0x8000_0011, 2, false, 3, nil), (0x8000_0011, 2, false, 1, nil),
        // Virtual 8086 mode, whatever is said of its level.
        (0x8000_0011, 1 << 17 | 2, false, 3, nil), (0x8000_0011, 1 << 17 | 2, false, 0, nil),
    ]

    @Test(arguments: rows.indices) func callers(_ index: Int) {
        let row = Self.rows[index]
        #expect(HypercallMode(cr0: row.cr0, flags: row.flags, isLong: row.isLong, level: row.level) == row.4)
    }

    /// The upper halves of a 32-bit caller's registers neither come in nor are changed.
    @Test func truncation() {
        let garbage: UInt64 = 0xdead_beef_0000_0007
        #expect(HypercallMode.bits32.argument(garbage) == 7)
        #expect(HypercallMode.bits64.argument(garbage) == garbage)
        #expect(HypercallMode.bits32.result(UInt64(bitPattern: -22), over: garbage) == 0xdead_beef_ffff_ffea)
        #expect(HypercallMode.bits64.result(UInt64(bitPattern: -22), over: garbage) == UInt64(bitPattern: -22))
        let (narrow, wide) = (HypercallMode.bits32.registers, HypercallMode.bits64.registers)
        #expect((0..<5).map { narrow[$0] } == [3, 1, 2, 6, 7])
        #expect((0..<5).map { wide[$0] } == [7, 6, 2, 10, 8])
    }
}

@Suite struct InterceptedInstructionTests {
    @Test func lengths() {
        func length(_ instruction: InterceptedInstruction, _ bytes: [UInt8]) -> Int? { instruction.length(bytes.span) }
        #expect(length(.cpuid, [0x0f, 0xa2, 0x90]) == 2)
        #expect(length(.cpuid, [0x66, 0x48, 0x0f, 0xa2]) == 4)
        #expect(length(.hypercall, [0x0f, 0x01, 0xd9]) == 3)
        #expect(length(.hypercall, [0x0f, 0x01]) == nil)
        #expect(length(.readMSR, [0x0f, 0x30]) == nil)
        #expect(length(.halt, [0xf4]) == 1)
        #expect(length(.halt, [UInt8](repeating: 0x66, count: 15) + [0xf4]) == nil)
    }

    @Test func lengthsWithoutPrefixes() {
        let following: UInt64 = 0xffff_ffff_ff00_0000
        #expect(InterceptedInstruction.cpuid.length(0xa20f | following) == 2)
        #expect(InterceptedInstruction.hypercall.length(0xd9010f | following) == 3)
        #expect(InterceptedInstruction.halt.length(0xf4 | following) == 1)
        #expect(InterceptedInstruction.hypercall.length(0xd8010f | following) == nil)
        #expect(InterceptedInstruction.cpuid.length(0xa20f66 | following) == nil)
    }
}

@Suite struct VCPUStartTests {
    /// 64-bit mode, all that must be set.
    static var wide: InlineArray<16, UInt64> {
        [1, 10, 11, 12, 13, 14, 15, 16, 17, 0xffff_8000_0000_0000, 2, 0x8000_0001, 0x1000, 0x20, 0x100, 0]
    }
    /// 32-bit mode, flat.
    static var narrow: InlineArray<16, UInt64> {
        let ends: UInt64 = 0xffff_ffff << 32 | 0xffff_ffff
        return [
            0, 11 << 32 | 10, 13 << 32 | 12, 15 << 32 | 14, 17 << 32 | 16, 2 << 32 | 0x2000, 0x1000 << 32 | 1, 0x20, 0, 0, 0,
            0xffff_ffff << 32, ends, 0x67 << 32 | 0xffff_ffff, 0x0c92_0c92 << 32 | 0x0c92_0c9a, 0x89,
        ]
    }

    @Test func wideContext() throws {
        let start = try #require(VCPUStart(Self.wide, ControlRulesTests.rules))
        #expect((0..<8).map { start.registers[$0] } == Array(10...17))
        #expect(start.instruction == 0xffff_8000_0000_0000 && start.features == 0x500 && start.cr3 == 0x1000)
        #expect(start.code.attributes == 0xa9b && start.stack.attributes == 0xc93 && start.task.limit == 0x67)
    }

    @Test func narrowContext() throws {
        let start = try #require(VCPUStart(Self.narrow, ControlRulesTests.rules))
        #expect((0..<8).map { start.registers[$0] } == Array(10...17))
        #expect(
            start.instruction == 0x2000 && start.flags == 2 && start.cr0 == 1 && start.cr3 == 0x1000 && start.cr4 == 0x20)
        #expect(start.code == .init(attributes: 0xc9b, limit: .max, base: 0))
        #expect(start.task == .init(attributes: 0x8b, limit: 0x67, base: 0))
    }

    /// A word of a good context, and what it must not be.
    static let refused: [(isWide: Bool, word: Int, value: UInt64)] = [
        (true, 0, 2), (true, 0, 1 << 32 | 1), (true, 9, 1 << 47), (true, 11, 1), (true, 13, 0), (true, 13, 1 << 13 | 0x20),
        (true, 14, 0), (true, 14, 0x101 | 1 << 40), (true, 11, 0x8000_0000), (true, 11, 0xa000_0001), (true, 12, 1 << 40),
        (true, 13, 1 << 11 | 0x20), (false, 7, 1 << 32 | 0x20), (false, 8, 1 << 10), (false, 14, 0x1c9a),
        (false, 14, 0x0c92_0c92_0c92_0c92), (false, 14, 0x0c92_0c9a_0c92_0c9a), (false, 15, 0x99),
        (false, 15, 1 << 32 | 0x89),
        (false, 15, 1 << 16 | 0x89),
    ]

    @Test(arguments: refused) func refusals(_ row: (isWide: Bool, word: Int, value: UInt64)) {
        var words = row.isWide ? Self.wide : Self.narrow
        words[row.word] = row.value
        #expect(VCPUStart(words, ControlRulesTests.rules) == nil)
    }
}

/// Guest physical memory as a dictionary of words.
@Suite struct GuestPagingTests {
    static func walk(
        _ memory: [UInt64: UInt64], _ address: UInt64, _ access: GuestPaging.Access = .read, level: UInt8 = 0,
        cr0: UInt64 = 1 << 31 | 1 << 16 | 1, cr4: UInt64 = 1 << 5, efer: UInt64 = 1 << 10 | 1 << 11
    ) -> UInt64? {
        GuestPaging(cr0: cr0, cr3: 0x1000, cr4: cr4, efer: efer, level: level).translate(address, access) { memory[$0] }
    }

    static let long: [UInt64: UInt64] = [
        0x1000: 0x2007, 0x2000: 0x3007, 0x2008: 0x4000_0087, 0x3000: 0x4007, 0x3008: 0x20_0083,
        0x4000: 0x5001 | 1 << 63, 0x4008: 0x6005, 0x4010: 0x7007, 0x1ff8: 0x2003,
    ]

    @Test func longMode() {
        #expect(Self.walk(Self.long, 0x123) == 0x5123)
        #expect(Self.walk(Self.long, 0x20_0456) == 0x20_0456)
        #expect(Self.walk(Self.long, 0x4123_4567) == 0x4123_4567)
        #expect(Self.walk(Self.long, 0x3000) == nil)
        #expect(Self.walk(Self.long, 0xffff_ff80_0000_0123) == 0x5123)
        #expect(Self.walk(Self.long, 0x8000_0000_0000) == nil, "not canonical")
    }

    @Test func rights() {
        #expect(Self.walk(Self.long, 0x123, .write) == nil)
        #expect(Self.walk(Self.long, 0x123, .write, cr0: 1 << 31 | 1) == 0x5123, "without CR0.WP")
        #expect(Self.walk(Self.long, 0x123, .execute) == nil)
        #expect(Self.walk(Self.long, 0x123, .execute, efer: 1 << 10) == 0x5123, "without EFER.NXE")
        #expect(Self.walk(Self.long, 0x1123, .execute) == 0x6123)
        #expect(Self.walk(Self.long, 0x123, level: 3) == nil)
        #expect(Self.walk(Self.long, 0x1123, level: 3) == 0x6123)
        #expect(Self.walk(Self.long, 0x1123, .write, level: 3, cr0: 1 << 31 | 1) == nil)
        #expect(Self.walk(Self.long, 0x2123, .write, level: 3) == 0x7123)
    }

    @Test func otherModes() {
        #expect(Self.walk([:], 0x1_2345_6789, cr0: 1) == 0x2345_6789)
        let pae: [UInt64: UInt64] = [0x1008: 0x3001, 0x3000: 0x4003, 0x3008: 0x60_0083, 0x4008: 0x9003]
        #expect(Self.walk(pae, 0x4000_1abc, efer: 0) == 0x9abc)
        #expect(Self.walk(pae, 0x4020_1abc, efer: 0) == 0x60_1abc)
        #expect(Self.walk(pae, 0x1abc, efer: 0) == nil)
        let old: [UInt64: UInt64] = [0x1000: 0x0040_0083_0000_5003, 0x5000: 0x0000_7003_0000_0000]
        #expect(Self.walk(old, 0x1abc, cr4: 1 << 4, efer: 0) == 0x7abc)
        #expect(Self.walk(old, 0x41_2abc, cr4: 1 << 4, efer: 0) == 0x41_2abc)
    }
}

@Suite struct ExtendedFormatTests {
    /// Rights, memory type and size as the manual has them (Intel SDM 3C, table 29-7).
    @Test(
        arguments: [
            (P2MType.ramReadWrite, 3, 0x37), (.ramReadOnly, 3, 0x35), (.ramReadWrite, 2, 0xb7), (.deviceDirect, 1, 0x87),
            (.grantReadOnly, 3, 0x31), (.grantReadWrite, 3, 0x33), (.foreignReadOnly, 3, 0x31), (.deviceCached, 3, 0x37),
        ] as [(P2MType, Int, UInt64)]) func leaves(_ type: P2MType, _ level: Int, _ low: UInt64)
    {
        let format = ExtendedFormat(hasHugePages: true)
        let entry = format.leaf(MFN(0x4_0000), type: type, level: level)
        #expect(entry & 0xfff == low && entry >> 56 == 0)
        guard case .leaf(let frame, let found) = format.decode(entry, level: level) else { return #expect(Bool(false)) }
        #expect(frame == MFN(0x4_0000) && found == type)
    }

    @Test func others() {
        let format = ExtendedFormat(hasHugePages: true)
        guard case .table(let table) = format.decode(format.table(MFN(7), level: 2), level: 2) else {
            return #expect(Bool(false))
        }
        #expect(table == MFN(7) && format.table(MFN(7), level: 0) == 0x7007)
        // A type that gives no right is no entry.
        guard case .none = format.decode(format.leaf(MFN(7), type: .invalid, level: 3), level: 3) else {
            return #expect(Bool(false))
        }
    }
}

@Suite struct NestedFormatTests {
    @Test func entriesDecodeAsTheyWereMade() {
        let format = NestedFormat(hasHugePages: true)
        for type in [
            P2MType.ramReadWrite, .ramReadOnly, .deviceDirect, .deviceCached, .foreign, .grantReadWrite, .grantReadOnly,
            .foreignReadOnly,
        ] {
            for level in 1...3 {
                guard
                    case .leaf(let frame, let found) = format.decode(
                        format.leaf(MFN(0x4_0000), type: type, level: level), level: level)
                else { return #expect(Bool(false)) }
                #expect(frame == MFN(0x4_0000) && found == type)
            }
        }
        guard case .table(let table) = format.decode(format.table(MFN(7), level: 2), level: 2) else {
            return #expect(Bool(false))
        }
        #expect(table == MFN(7))
        guard case .none = format.decode(0, level: 3) else { return #expect(Bool(false)) }
    }

    @Test func rights() {
        let format = NestedFormat(hasHugePages: false)
        func bits(_ type: P2MType) -> UInt64 { format.leaf(MFN(1), type: type, level: 3) }
        #expect(bits(.ramReadWrite) & 7 == 7 && bits(.ramReadWrite) >> 63 == 0)
        #expect(bits(.ramReadOnly) & 7 == 5)
        #expect(bits(.grantReadOnly) & 7 == 5 && bits(.grantReadOnly) >> 63 == 1)
        #expect(bits(.deviceDirect) & 0x18 == 0x18)
        #expect(bits(.ramReadWrite) & 0x18 == 0)
        #expect(!format.canMap(at: 1) && format.canMap(at: 2))
        // To AMD's IOMMU (48882, figures 10-11): next level, and what a device may do.
        let shared = NestedFormat(hasHugePages: true, servesAMD: true)
        #expect([0, 1, 2].map { shared.table(MFN(1), level: $0) >> 9 & 7 } == [3, 2, 1])
        #expect([0, 1, 2].allSatisfy { shared.table(MFN(1), level: $0) >> 61 & 3 == 3 })
        for (type, rights) in [(.ramReadWrite, 3), (.ramReadOnly, 1), (.grantReadOnly, 1)] as [(P2MType, UInt64)] {
            let leaf = shared.leaf(MFN(1), type: type, level: 2)
            #expect(leaf >> 61 & 3 == rights && leaf >> 9 & 7 == 0)
            // To Intel's (VT-d 9.8) all of these are reserved.
            #expect(format.leaf(MFN(1), type: type, level: 2) == leaf & ~(3 << 61))
            #expect(format.table(MFN(1), level: 1) & (3 << 61 | 7 << 9) == 0)
        }
    }
}

struct FakeProcessor: ProcessorIdentification {
    func leaf(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDResult { CPUIDResult(eax: .max, ebx: .max, ecx: .max, edx: .max) }
}

@Suite struct PolicyTests {
    static func answer(_ leaf: UInt32, _ subleaf: UInt32 = 0, cr4: UInt64 = 0, xcr0: UInt64 = 1, mapsDMA: Bool = false)
        -> CPUIDResult
    {
        CPUIDPolicy(tscKilohertz: 1_000_000, host: FakeProcessor()).answer(
            leaf, subleaf, to: .init(vcpu: 3, vcpus: 4, domain: 0, cr4: cr4, extendedControl: xcr0, mapsDMA: mapsDMA),
            host: FakeProcessor())
    }

    @Test func hidesWhatIsNotVirtualised() {
        let one = Self.answer(1)
        #expect(one.ecx >> 3 & 1 == 0, "MONITOR")
        #expect(one.ecx >> 5 & 1 == 0, "VMX")
        #expect(one.ecx >> 24 & 1 == 0, "TSC deadline")
        #expect(one.ecx >> 27 & 1 == 0 && Self.answer(1, cr4: 1 << 18).ecx >> 27 & 1 == 1, "OSXSAVE")
        #expect(one.ecx >> 21 & 1 == 1 && one.ecx >> 31 == 1, "x2APIC, hypervisor")
        #expect(one.ebx >> 24 == 6 && one.ebx >> 16 & 0xff == 8)
        #expect(one.edx == 0x178b_bb7f)
        let extended = Self.answer(0x8000_0001)
        #expect(extended.ecx >> 2 & 1 == 0, "SVM")
        #expect(extended.edx >> 27 & 1 == 0, "RDTSCP")
        #expect(extended.edx >> 29 & 1 == 1 && extended.edx >> 20 & 1 == 1 && extended.edx >> 26 & 1 == 1)
        #expect(Self.answer(5) == CPUIDResult() && Self.answer(0x8000_000a) == CPUIDResult())
        #expect(Self.answer(7, 1) == CPUIDResult())
        #expect(Self.answer(0).eax == 0xd && Self.answer(0x8000_0000).eax == 0x8000_0021)
        #expect(Self.answer(0x8000_0021) == CPUIDResult(eax: 0x7000_0064, ecx: 6) && Self.answer(0x8000_001f) == CPUIDResult())
    }

    @Test func hypervisorLeaves() {
        #expect(
            Self.answer(0x4000_0000) == CPUIDResult(eax: 0x4000_0005, ebx: 0x566e_6558, ecx: 0x6558_4d4d, edx: 0x4d4d_566e))
        #expect(Self.answer(0x4000_0001).eax == 0x4_0011)
        #expect(Self.answer(0x4000_0002) == CPUIDResult(eax: 1, ebx: 0x4000_0000))
        #expect(Self.answer(0x4000_0003).ecx == 1_000_000)
        #expect(Self.answer(0x4000_0004) == CPUIDResult(eax: 1 << 1 | 1 << 3 | 1 << 4 | 1 << 6, ebx: 3))
        #expect(Self.answer(0x4000_0004, mapsDMA: true).eax == 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6)
        #expect(Self.answer(0x4000_0005) == CPUIDResult())
    }

    @Test func saveArea() {
        #expect(Self.answer(0xd) == CPUIDResult(eax: 7, ebx: 576, ecx: 832))
        #expect(Self.answer(0xd, xcr0: 7).ebx == 832)
        #expect(Self.answer(0xd, 1) == CPUIDResult(eax: 1))
        #expect(Self.answer(0xd, 3) == CPUIDResult())
    }

    @Test func controls() {
        #expect(GuestMSR.isPageAttributes(0x0007_0406_0007_0406))
        #expect(!GuestMSR.isPageAttributes(0x0007_0406_0007_0402))
        for (value, index, isFine) in [
            (0xc06, 0, true), (0xc02, 0, false), (0x1c06, 0, false), (0xc07, 0, false), (6, 1, true), (0x106, 1, false),
            (3, 1, false), (1 << 39 | 6, 1, true), (1 << 40 | 6, 1, false), (1 << 40, 2, false),
            (0x800, 2, true), (0x801, 2, false), (0x0606_0606_0505_0400, 17, true), (0x0606_0606_0505_0402, 27, false),
        ] as [(UInt64, Int, Bool)] {
            #expect(MemoryTypeRegister.allows(value, at: index, addressBits: 40) == isFine, "\(value) at \(index)")
        }
    }

    @Test func permissionMap() {
        #expect(MSRPermission.place(of: 0)?.byte == 0)
        #expect(MSRPermission.place(of: 0x174).map { "\($0)" } == "(byte: 93, mask: 3)")
        #expect(MSRPermission.place(of: 0xc000_0082).map { "\($0)" } == "(byte: 2080, mask: 48)")
        #expect(MSRPermission.place(of: 0xc001_0015)?.byte == 0x1005)
        #expect(MSRPermission.place(of: 0x4000_0000) == nil)
        #expect(
            MemoryTypeRegister.index(0x26f) == 27 && MemoryTypeRegister.index(0x200) == 1
                && MemoryTypeRegister.index(0x210) == nil)
    }
}

@Suite struct VirtualInterruptTests {
    /// The APIC's are held back by CR8 (AMD APM 2, 15.21.1); what the processor has taken is requested no more.
    @Test func tellsWhatWasNotTaken() {
        let own = VirtualInterrupt.delivery(of: 0xec, isAPICs: true)
        #expect(own == 0xec_000e_0100)
        let callback = VirtualInterrupt.delivery(of: 0xf3, isAPICs: false)
        #expect(callback == 0xf3_0010_0100)
        #expect(VirtualInterrupt.undelivered(own | VirtualInterrupt.masking).map { $0 == (0xec, true) } == true)
        #expect(VirtualInterrupt.undelivered(callback).map { $0 == (0xf3, false) } == true)
        #expect(VirtualInterrupt.undelivered(own & ~VirtualInterrupt.request) == nil)
        #expect(VirtualInterrupt.undelivered(VirtualInterrupt.request | VirtualInterrupt.ignorePriority) == nil, "a dummy")
    }

    @Test func aDeliveryCutShortIsNoSecondOne() {
        #expect(InjectedEvent.exception(0xec).isDelivery(of: 0xec))
        #expect(
            !InjectedEvent.exception(14, error: 2).isDelivery(of: 0xec) && !InjectedEvent.exception(14).isDelivery(of: 14))
        #expect(!InjectedEvent.interrupt(0xec).isDelivery(of: nil))
        #expect(InjectedEvent(rawValue: 1 << 31 | 4 << 8 | 0x80).isSoftware && !InjectedEvent.nmi.isSoftware)
    }
}
