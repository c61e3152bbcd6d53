// SPDX-License-Identifier: Apache-2.0

import ARM
import Base
import P2M
import Testing

@Suite struct ExitTests {
    static func exit(_ syndrome: UInt64, fault: UInt64 = 0, page: UInt64 = 0) -> Exit {
        Exit(syndrome: syndrome, faultAddress: fault, faultPage: page)
    }

    /// ESR_EL2 of a class with an ISS; IL is set.
    static func syndrome(_ exceptionClass: UInt64, _ iss: UInt64 = 0) -> UInt64 { exceptionClass << 26 | 1 << 25 | iss }

    static let classes: [(UInt64, UInt64, Exit)] = [
        (0x16, 0, .hypervisorCall(0)), (0x16, 0xea1, .hypervisorCall(0xea1)), (0x16, 0xffff, .hypervisorCall(0xffff)),
        (0x12, 0xea1, .hypervisorCall(0xea1)),
        (0x17, 0, .secureMonitorCall), (0x17, 0xffff, .secureMonitorCall), (0x13, 0, .secureMonitorCall),
        (0x01, 0x1e0_0000, .wait(isEvent: false)), (0x01, 0x1e0_0001, .wait(isEvent: true)),
        // WFIT and WFET.
        (0x01, 0x1e0_0002, .wait(isEvent: false)), (0x01, 0x1e0_0003, .wait(isEvent: true)),
        (0x07, 0x1e0_0000, .floatingPoint),
        (0x03, 0, .coprocessor), (0x04, 0, .coprocessor), (0x05, 0, .coprocessor), (0x06, 0, .coprocessor),
        (0x08, 0, .coprocessor), (0x0c, 0, .coprocessor),
        (0x00, 0, .unexpected(0)), (0x02, 0, .unexpected(2)), (0x09, 0, .unexpected(9)), (0x15, 0, .unexpected(0x15)),
        (0x19, 0, .unexpected(0x19)), (0x21, 0, .unexpected(0x21)), (0x25, 0, .unexpected(0x25)),
        (0x2f, 0, .unexpected(0x2f)), (0x3c, 0, .unexpected(0x3c)), (0x3f, 0, .unexpected(0x3f)),
    ]

    @Test func classOfExit() {
        for (number, iss, expected) in Self.classes {
            #expect(Self.exit(Self.syndrome(number, iss)) == expected, "class \(number), ISS \(iss)")
            // ISS2 and the reserved bits above the class change nothing.
            #expect(Self.exit(Self.syndrome(number, iss) | 0xffff_ffff_0000_0000) == expected)
        }
    }

    @Test func instructionAbort() {
        let exit = Self.exit(Self.syndrome(0x20, 0x06), fault: 0xffff_8000_1234_5678, page: 0x4_0010)
        #expect(exit == .instructionAbort(GuestAddress(0x400_1678)))
    }

    /// Every address of 48 bits comes back whole; bits outside the field do not.
    @Test func addressOfAbort() {
        for bit in 0..<48 {
            let address = UInt64(1) << UInt64(bit)
            let abort = DataAbort(
                syndrome: 0, faultAddress: address & 0xfff | 0xffff_ffff_ffff_f000,
                faultPage: (address >> 12) << 4 | 1 << 63 | 0xf)
            #expect(abort.address == GuestAddress(address))
        }
    }

    /// HPFAR_EL2 is not to be trusted for a permission fault, unless stage 1's walk took it: the address is then what stage 1 gives,
    /// or there is none any more.
    @Test func addressThatIsNotKnown() throws {
        for code: UInt64 in 0..<64 {
            for isWalk: UInt64 in [0, 1] {
                let abort = DataAbort(
                    syndrome: Self.syndrome(0x24, code | isWalk << 7 | 1 << 6), faultAddress: 0xffff_8000_1234_5678, faultPage: 0xbad_bad0)
                #expect(abort.isAddressKnown == (isWalk == 1 || !(12...15).contains(code)), "\(code)")
                // PAR_EL1: the frame in bits 12 to 51, attributes in 56 to 63, shareability in 7 and 8.
                let known = try #require(abort.with(translation: 0xff00_0004_0009_0380))
                #expect(known.address == GuestAddress(0x4_0009_0678) && known.isWrite && known.kind == abort.kind)
                #expect(abort.with(translation: 0x0000_0000_0000_0801) == nil)
            }
        }
    }

    /// What the assembler puts into an MRS or MSR, and what the exit says of it.
    @Test func systemRegisters() {
        let table: [(name: UInt32, iss: UInt64)] = [
            (SystemRegister.sgi1r, 0x3a_3016), (SystemRegister.asgi1r, 0x3c_3016), (SystemRegister.sgi0r, 0x3e_3016),
            (SystemRegister.cntpCTL, 0x32_f804), (SystemRegister.cntpCVAL, 0x34_f804), (SystemRegister.cntpTVAL, 0x30_f804),
            (SystemRegister.actlr, 0x32_0400), (SystemRegister.iccSRE, 0x3a_3018),
        ]
        for (register, iss) in table {
            #expect(UInt64(register) == iss)
            for target in 0..<32 {
                for isRead in [false, true] {
                    let word = Self.syndrome(0x18, iss | UInt64(target) << 5 | (isRead ? 1 : 0))
                    guard case .systemRegister(let access) = Self.exit(word) else {
                        Issue.record("not a system register: \(word)")
                        return
                    }
                    #expect(access.register == register && access.target == target && access.isRead == isRead)
                    #expect(SystemRegister.feature(access.register) == nil)
                }
            }
        }
    }

    /// All 2^16 encodings: each decodes to itself, and 64 of them are feature registers.
    @Test func features() {
        var found: Set<Int> = []
        var wrong = 0
        for op0 in UInt32(0)..<4 {
            for op1 in UInt32(0)..<8 {
                for crn in UInt32(0)..<16 {
                    for crm in UInt32(0)..<16 {
                        for op2 in UInt32(0)..<8 {
                            let id = SystemRegister.id(op0, op1, crn, crm, op2)
                            let isOne = op0 == 3 && op1 == 0 && crn == 0 && crm < 8
                            let index = isOne ? Int(crm * 8 + op2) : nil
                            if SystemRegister.feature(id) != index { wrong += 1 }
                            if SystemRegisterAccess(syndrome: UInt64(id) | 0x3e1 | 0x62 << 24).register != id { wrong += 1 }
                            if let index { found.insert(index) }
                        }
                    }
                }
            }
        }
        #expect(wrong == 0)
        #expect(found == Set(0..<64))
    }

    @Test func dataAborts() {
        for size in UInt64(0)..<4 {
            for target in UInt64(0)..<32 {
                for flags in UInt64(0)..<32 {
                    let (signed, wide, write) = (flags & 1, flags >> 1 & 1, flags >> 2 & 1)
                    let (valid, walk) = (flags >> 3 & 1, flags >> 4 & 1)
                    let iss = valid << 24 | size << 22 | signed << 21 | target << 16 | wide << 15 | walk << 7 | write << 6 | 7
                    guard case .dataAbort(let abort) = Self.exit(Self.syndrome(0x24, iss), fault: 0x8, page: 0x90000) else {
                        Issue.record("not a data abort: \(iss)")
                        return
                    }
                    let isRight =
                        abort.address == GuestAddress(0x900_0008) && abort.isDecoded == (valid == 1)
                        && abort.isWrite == (write == 1) && abort.width == [1, 2, 4, 8][Int(size)]
                        && abort.isSignExtended == (signed == 1) && abort.is64Bit == (wide == 1)
                        && abort.target == Int(target) && abort.isTableWalk == (walk == 1) && abort.kind == .translation
                    #expect(isRight, "ISS \(iss)")
                }
            }
        }
    }

    @Test func faultKinds() {
        for code in UInt64(0)..<64 {
            let expected: DataAbort.Kind = (4...7).contains(code) ? .translation : (12...15).contains(code) ? .permission : .other
            #expect(DataAbort(syndrome: Self.syndrome(0x24, code), faultAddress: 0, faultPage: 0).kind == expected, "\(code)")
        }
    }

    /// Size, sign extension, 64-bit register, value read, value of the register.
    static let extensions: [(UInt64, Bool, Bool, UInt64, UInt64)] = [
        (0, false, false, 0xffff_ffff_ffff_ff80, 0x80), (0, true, false, 0x80, 0xffff_ff80),
        (0, true, true, 0x80, 0xffff_ffff_ffff_ff80), (0, true, true, 0xff7f, 0x7f), (0, false, true, 0x1ff, 0xff),
        (1, false, false, 0x1_8000, 0x8000), (1, true, false, 0x8000, 0xffff_8000),
        (1, true, true, 0x8000, 0xffff_ffff_ffff_8000), (1, true, true, 0x7fff, 0x7fff),
        (2, false, false, 0x1_8000_0000, 0x8000_0000), (2, true, false, 0x8000_0000, 0x8000_0000),
        (2, true, true, 0x8000_0000, 0xffff_ffff_8000_0000), (2, true, true, 0x7fff_ffff, 0x7fff_ffff),
        (3, false, true, .max, .max), (3, true, true, 1 << 63, 1 << 63), (3, false, true, 0, 0),
    ]

    @Test func extended() {
        for (size, isSigned, isWide, value, expected) in Self.extensions {
            let iss = size << 22 | (isSigned ? 1 << 21 : 0) | (isWide ? 1 << 15 : 0)
            let abort = DataAbort(syndrome: Self.syndrome(0x24, iss), faultAddress: 0, faultPage: 0)
            #expect(abort.extend(value) == expected, "size \(size), value \(value)")
        }
    }
}

@Suite struct FeatureRegisterTests {
    /// Register, shift of the field (4 bits).
    static let hidden: [(Int, UInt64, String)] = [
        (0x20, 8, "EL2"), (0x20, 28, "RAS"), (0x20, 32, "SVE"), (0x20, 40, "MPAM"), (0x20, 44, "AMU"),
        (0x21, 8, "MTE"), (0x21, 16, "MPAM_frac"), (0x21, 24, "SME"),
        (0x28, 4, "TraceVer"), (0x28, 8, "PMUVer"), (0x28, 32, "PMSVer"),
        (0x31, 4, "APA"), (0x31, 8, "API"), (0x31, 24, "GPA"), (0x31, 28, "GPI"),
        (0x32, 8, "GPA3"), (0x32, 12, "APA3"), (0x39, 8, "VH"), (0x0a, 24, "PerfMon"),
    ]

    @Test func hidesWhatGuestsDoNotGet() {
        let registers = FeatureRegisters(host: InlineArray(repeating: .max))
        for (register, shift, name) in Self.hidden { #expect(registers[register] >> shift & 0xf == 0, "\(name)") }
        // And nothing else.
        for register in 0..<64 {
            let mask = Self.hidden.filter { $0.0 == register }.reduce(UInt64.max) { $0 & ~(0xf << $1.1) }
            #expect(registers[register] == mask, "register \(register)")
        }
    }

    @Test func leavesZerosAlone() {
        let registers = FeatureRegisters(host: InlineArray(repeating: 0))
        for register in 0..<64 { #expect(registers[register] == 0) }
        #expect(FeatureRegisters.index(4, 1) == 0x21)
    }
}

@Suite struct DescriptorTests {
    static let stage2Types: [P2MType] = [
        .ramReadWrite, .ramReadOnly, .deviceDirect, .deviceCached, .foreign, .grantReadWrite, .grantReadOnly,
    ]

    func decodesWhatItEncodes(_ format: some EntryFormat, _ types: [P2MType]) {
        for level in 0...3 {
            for bit in format.frameShift(level)..<36 {
                let frame = MFN(1 << bit)
                if level < 3 {
                    guard case .table(let table) = format.decode(format.table(frame, level: level), level: level), table == frame else {
                        Issue.record("table of \(frame) at level \(level)")
                        continue
                    }
                }
                guard level == 3 || format.canMap(at: level) else { continue }
                for type in types {
                    let entry = format.leaf(frame, type: type, level: level)
                    guard case .leaf(frame, type) = format.decode(entry, level: level) else {
                        Issue.record("leaf of \(frame), \(type) at level \(level)")
                        continue
                    }
                    // The access flag, and the bit that tells pages from blocks.
                    #expect(entry >> 10 & 1 == 1 && entry & 3 == (level == 3 ? 3 : 1))
                }
            }
            guard case .none = format.decode(0, level: level), case .none = format.decode(~1, level: level) else {
                Issue.record("an invalid entry at level \(level) decodes")
                return
            }
        }
        #expect(!format.canMap(at: 0))
    }

    @Test func stage2() {
        for bits in [32, 36, 39, 40, 43, 44, 48] { decodesWhatItEncodes(Stage2Format(addressBits: bits), Self.stage2Types) }
    }

    @Test func el2() {
        let types: [P2MType] = [.ramReadWrite, .deviceDirect, .hypervisorCode, .hypervisorReadOnly]
        decodesWhatItEncodes(EL2Format(), types)
        decodesWhatItEncodes(EL2Format(rootLevel: 1), types)
    }

    /// Guest address bits, level and order of the root.
    @Test func roots() {
        for (bits, level, order) in [(32, 1, 0), (36, 1, 0), (39, 1, 0), (40, 1, 1), (42, 1, 3), (43, 1, 4), (44, 0, 0), (48, 0, 0)] {
            let format = Stage2Format(addressBits: bits)
            #expect(format.rootLevel == level && format.rootOrder == order, "\(bits) bits")
            #expect(format.capacity >= 1 << UInt64(bits - 12))
        }
    }

    /// Type, whether the guest reads, writes, executes, and whether the memory is normal (ARM DDI 0487, D8.4.2, D8.6.5).
    @Test func stage2Permissions() {
        let table: [(P2MType, Bool, Bool, Bool, Bool)] = [
            (.ramReadWrite, true, true, true, true), (.ramReadOnly, true, false, true, true),
            (.foreign, true, true, false, true), (.grantReadWrite, true, true, false, true),
            (.grantReadOnly, true, false, false, true), (.deviceCached, true, true, false, true),
            (.deviceDirect, true, true, false, false),
        ]
        for (type, reads, writes, executes, isNormal) in table {
            let entry = Stage2Format(addressBits: 40).leaf(MFN(1), type: type, level: 3)
            #expect((entry >> 6 & 1 == 1) == reads && (entry >> 7 & 1 == 1) == writes, "\(type)")
            #expect((entry >> 54 & 1 == 0) == executes && entry >> 2 & 0xf == (isNormal ? 0xf : 1), "\(type)")
            #expect(entry >> 8 & 3 == (isNormal ? 3 : 0), "\(type)")
        }
    }

    /// No mapping of the hypervisor's own can be written and executed.
    @Test func el2Permissions() {
        let table: [(P2MType, Bool, Bool)] = [
            (.ramReadWrite, true, false), (.deviceDirect, true, false), (.hypervisorCode, false, true),
            (.hypervisorReadOnly, false, false),
        ]
        for (type, writes, executes) in table {
            let entry = EL2Format().leaf(MFN(1), type: type, level: 3)
            #expect((entry >> 7 & 1 == 0) == writes && (entry >> 54 & 1 == 0) == executes, "\(type)")
            #expect(entry >> 6 & 1 == 1 && entry >> 2 & 7 == (type == .deviceDirect ? 1 : 0), "\(type)")
        }
    }
}

@Suite struct PSCITests {
    static let functions: [(UInt32, PSCIFunction?)] = [
        (0x8400_0000, .version), (0xc400_0000, nil), (0x8400_0001, .cpuSuspend), (0xc400_0001, .cpuSuspend),
        (0x8400_0002, .cpuOff), (0xc400_0002, nil), (0x8400_0003, .cpuOn), (0xc400_0003, .cpuOn),
        (0x8400_0004, .affinityInfo), (0xc400_0004, .affinityInfo), (0x8400_0005, nil), (0xc400_0005, nil),
        (0x8400_0006, .migrateInfoType), (0xc400_0006, nil), (0x8400_0007, nil), (0x8400_0008, .systemOff),
        (0xc400_0008, nil), (0x8400_0009, .systemReset), (0xc400_0009, nil), (0x8400_000a, .features), (0xc400_000a, nil),
        (0x8400_000b, nil), (0x0400_0003, nil), (0x8600_0003, nil), (0, nil), (.max, nil), (SMCCC.version, nil),
    ]

    @Test func functionNumbers() {
        for (number, expected) in Self.functions { #expect(PSCIFunction(call: number) == expected, "\(number)") }
    }
}
