// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import X86

/// Every rule by which a guest's write of a register comes to #GP, and every one by which VMRUN would refuse it.
@Suite struct ControlRulesTests {
    /// As an EPYC of QEMU's, without what guests are not offered: no UMIP, PCID, PKE, LA57, VMXE.
    static let rules = ControlRules(CPUIDPolicy.virtualised, extendedStates: 7, addressBits: 40)
    static let long: ControlState = ControlState(cr0: 0x8000_0011, cr3: 0x1000, cr4: 0x20, efer: 0xd01, code: 0xa9b)
    static let compatible = ControlState(cr0: 0x8000_0011, cr3: 0x1000, cr4: 0x20, efer: 0xd01, code: 0xc9b)
    static let flat = ControlState(cr0: 0x11, cr3: 0, cr4: 0, efer: 0, code: 0xc9b)

    static func with(_ state: ControlState, _ change: (inout ControlState) -> Void) -> ControlState {
        var state = state
        change(&state)
        return state
    }

    @Test func everyBitOfCR4() {
        let offered: Set = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 16, 18, 20, 21]
        for bit in 0..<64 {
            let new = Self.rules.writingCR4(1 << UInt64(bit) | 0x20, Self.long)
            #expect((new != nil) == (bit == 5 || offered.contains(bit)), "bit \(bit)")
            if let new { #expect(new.cr4 == 1 << UInt64(bit) | 0x20 && new.efer == Self.long.efer) }
        }
        // Without the feature its bit goes.
        let rows: [(WritableKeyPath<CPUFeatureSet, UInt32>, UInt32, UInt64)] = [
            (\.basicEDX, 1 << 1, 3), (\.basicEDX, 1 << 2, 8), (\.basicEDX, 1 << 3, 16), (\.basicEDX, 1 << 4, 4),
            (\.basicEDX, 1 << 6, 32), (\.basicEDX, 1 << 13, 128), (\.basicEDX, 1 << 24, 1 << 9), (\.basicEDX, 1 << 25, 1 << 10),
            (\.basicECX, 1 << 26, 1 << 18), (\.structuredEBX, 1, 1 << 16), (\.structuredEBX, 1 << 7, 1 << 20),
            (\.structuredEBX, 1 << 20, 1 << 21),
        ]
        for (word, bit, control) in rows {
            var features = CPUIDPolicy.virtualised
            features[keyPath: word] &= ~bit
            #expect(ControlRules(features, extendedStates: 7, addressBits: 40).cr4 == Self.rules.cr4 & ~control)
        }
        var more = CPUIDPolicy.virtualised
        more.structuredECX = 1 << 2 | 1 << 3
        more.basicECX |= 1 << 17
        more.basicEDX |= 1 << 7
        let wider = ControlRules(more, extendedStates: 7, addressBits: 40)
        #expect(wider.cr4 == Self.rules.cr4 | 1 << 6 | 1 << 11 | 1 << 17 | 1 << 22)
        // PCID: with long mode, and with the lower bits of CR3 clear; it is not turned off by turning paging off.
        #expect(wider.writingCR4(1 << 17 | 0x20, Self.flat) == nil)
        #expect(wider.writingCR4(1 << 17 | 0x20, Self.with(Self.long) { $0.cr3 = 0x1001 }) == nil)
        let processes = wider.writingCR4(1 << 17 | 0x20, Self.compatible)
        #expect(processes?.cr4 == 1 << 17 | 0x20)
        #expect(processes.map { wider.writingCR0(0x11, $0) == nil } == true)
    }

    @Test func addressExtensionStaysInLongMode() {
        #expect(Self.rules.writingCR4(0, Self.long) == nil && Self.rules.writingCR4(0, Self.compatible) == nil)
        #expect(Self.rules.writingCR4(0x10, Self.with(Self.flat) { $0.cr4 = 0x20 })?.cr4 == 0x10)
    }

    static let cr0Rows: [(StaticString, UInt64, ControlState, ControlState?)] = [
        ("as it was", 0x8000_0011, long, long),
        ("the upper half", 1 << 32 | 0x8000_0011, long, nil),
        ("bits that there are not", 0x8ffa_ffd1, long, with(long) { $0.cr0 = 0x8000_0011 }),
        ("ET cannot be cleared", 0x1, flat, flat),
        ("paging without protection", 0x8000_0010, flat, nil),
        ("write-through that is not, with caches", 0x2000_0011, flat, nil),
        ("neither, without caches", 0x6000_0011, flat, with(flat) { $0.cr0 = 0x6000_0011 }),
        ("paging", 0x8000_0011, flat, with(flat) { $0.cr0 = 0x8000_0011 }),
        ("long mode without PAE", 0x8000_0011, with(flat) { $0.efer = 0x100 }, nil),
        (
            "long mode", 0x8000_0011,
            with(flat) { ($0.efer, $0.cr4) = (0x100, 0x20) },
            with(flat) { ($0.cr0, $0.efer, $0.cr4) = (0x8000_0011, 0x500, 0x20) }
        ),
        ("long mode with code of it", 0x8000_0011, with(flat) { ($0.efer, $0.cr4, $0.code) = (0x100, 0x20, 0xa9b) }, nil),
        ("paging off in 64-bit code", 0x11, long, nil),
        ("paging off in 32-bit code", 0x11, compatible, with(compatible) { ($0.cr0, $0.efer) = (0x11, 0x901) }),
    ]

    @Test(arguments: cr0Rows.indices) func writesOfCR0(_ index: Int) {
        let (name, value, old, new) = Self.cr0Rows[index]
        #expect(Self.rules.writingCR0(value, old) == new, "\(name)")
    }

    /// LMSW sets the first four bits, never clears PE, and leaves the others.
    @Test func machineStatus() {
        #expect(Self.rules.writingMachineStatus(0xfff0, Self.flat) == Self.flat)
        #expect(Self.rules.writingMachineStatus(0xe, Self.with(Self.flat) { $0.cr0 = 0x10 })?.cr0 == 0x1e)
        #expect(Self.rules.writingMachineStatus(1, Self.with(Self.flat) { $0.cr0 = 0x1e })?.cr0 == 0x11)
    }

    @Test func taskSwitched() {
        #expect(Self.rules.clearingTaskSwitched(Self.with(Self.long) { $0.cr0 |= 8 }) == Self.long)
    }

    @Test func writesOfCR3() {
        #expect(Self.rules.writingCR3(0xff_ffff_f000, Self.long)?.cr3 == 0xff_ffff_f000)
        for bit: UInt64 in [40, 51, 52, 63] { #expect(Self.rules.writingCR3(1 << bit | 0x1000, Self.long) == nil) }
        #expect(Self.rules.writingCR3(1 << 40 | 0x1000, Self.flat)?.cr3 == 0x1000)
    }

    @Test func writesOfEFER() {
        for bit in 0..<64 where ![0, 8, 10, 11, 14].contains(bit) {
            #expect(Self.rules.writingEFER(1 << UInt64(bit), Self.flat) == nil, "bit \(bit): SVME is 12")
        }
        #expect(Self.rules.writingEFER(0x4901, Self.flat)?.efer == 0x4901)
        // LMA is what it is.
        #expect(Self.rules.writingEFER(0x500, Self.flat)?.efer == 0x100)
        #expect(Self.rules.writingEFER(0x101, Self.long)?.efer == 0x501)
        #expect(Self.rules.writingEFER(0x401, Self.long) == nil, "LME while paging")
        #expect(Self.rules.writingEFER(0x100, Self.with(Self.flat) { $0.cr0 = 0x8000_0011 }) == nil)
        #expect(Self.rules.writingEFER(0x100, Self.with(Self.flat) { $0.code = 0xe9b })?.code == 0xc9b)
        for (word, bit, gone) in [
            (\.extendedEDX, 1 << 11, 1), (\.extendedEDX, 1 << 29, 0x500), (\.extendedEDX, 1 << 20, 0x800),
            (\.extendedEDX, 1 << 25, 0x4000),
        ] as [(WritableKeyPath<CPUFeatureSet, UInt32>, UInt32, UInt64)] {
            var features = CPUIDPolicy.virtualised
            features[keyPath: word] &= ~bit
            #expect(ControlRules(features, extendedStates: 7, addressBits: 40).features == 0x4d01 & ~gone)
        }
    }

    @Test func extendedControl() {
        for value: UInt64 in [1, 3, 7] { #expect(Self.rules.allowsExtendedControl(value)) }
        for value: UInt64 in [0, 2, 4, 5, 6, 15, 1 << 63 | 1] { #expect(!Self.rules.allowsExtendedControl(value)) }
        let narrow = ControlRules(CPUIDPolicy.virtualised, extendedStates: 3, addressBits: 40)
        #expect(!narrow.allowsExtendedControl(7) && narrow.allowsExtendedControl(3))
        let none = ControlRules(CPUIDPolicy.virtualised, extendedStates: 0, addressBits: 40)
        #expect(!none.allowsExtendedControl(1))
    }

    @Test func debugRegisters() {
        for number in 4...7 { #expect(DebugRegister.kept(1 << 32, in: number) == nil) }
        #expect(DebugRegister.kept(0, in: 6) == 0xffff_0ff0 && DebugRegister.kept(0xffff_ffff, in: 4) == 0xffff_efff)
        #expect(DebugRegister.kept(0, in: 7) == 0x400 && DebugRegister.kept(0xffff_ffff, in: 5) == 0xffff_2fff)
    }

    @Test func addresses() {
        for address: UInt64 in [0, 0x7fff_ffff_ffff, 0xffff_8000_0000_0000, .max] { #expect(GuestMSR.isCanonical(address)) }
        for address: UInt64 in [1 << 47, 1 << 63, 0xffff_7fff_ffff_ffff] { #expect(!GuestMSR.isCanonical(address)) }
        let held: [UInt32] = [0x175, 0x176, 0xc000_0082, 0xc000_0083, 0xc000_0100, 0xc000_0101, 0xc000_0102]
        for number in 0x170..<0x180 as Range<UInt32> { #expect((GuestMSR.addressField(number) != nil) == held.contains(number)) }
        for number in 0xc000_0080..<0xc000_0110 as Range<UInt32> {
            #expect((GuestMSR.addressField(number) != nil) == held.contains(number))
        }
        #expect(GuestMSR.addressField(0xc000_0100) == VMCBField.fs + 8)
    }

    @Test func translationsThatAreNoLongerTrue() {
        #expect(Self.long.keepsTranslations(of: Self.long))
        #expect(Self.long.keepsTranslations(of: Self.with(Self.long) { $0.cr4 |= 1 << 9; $0.cr0 |= 8; $0.efer ^= 1 }))
        for bit: UInt64 in [4, 5, 7, 17, 20, 21] {
            #expect(!Self.long.keepsTranslations(of: Self.with(Self.long) { $0.cr4 ^= 1 << bit }))
        }
        for bit: UInt64 in [0, 16, 31] { #expect(!Self.long.keepsTranslations(of: Self.with(Self.long) { $0.cr0 ^= 1 << bit })) }
    }

    // MARK: Entry

    /// A row of the manual's list each (AMD APM 2, 15.5.1), from states that can be entered.
    static let entries: [(EntryCheck?, EntryState)] = [
        (nil, EntryState(long)), (nil, EntryState(compatible)), (nil, EntryState(flat)),
        (nil, EntryState(with(flat) { $0.cr0 = 0x6000_0010 })),
        (.cacheModeThatIsNone, EntryState(with(flat) { $0.cr0 = 0x2000_0011 })),
        (.cr0Upper, EntryState(with(long) { $0.cr0 |= 1 << 32 })),
        (.cr3Reserved, EntryState(with(long) { $0.cr3 |= 1 << 40 })),
        (.cr4Reserved, EntryState(with(long) { $0.cr4 |= 1 << 11 })),
        (.cr4Reserved, EntryState(with(long) { $0.cr4 |= 1 << 63 })),
        (.debugStatusUpper, EntryState(long, debugStatus: 1 << 32)),
        (.debugControlUpper, EntryState(long, debugControl: 1 << 32)),
        (.featuresReserved, EntryState(with(long) { $0.efer |= 1 << 12 })),
        (.featuresReserved, EntryState(with(long) { $0.efer |= 1 << 1 })),
        (.longModeWithoutExtension, EntryState(with(long) { $0.cr4 = 0 })),
        (.longModeWithoutProtection, EntryState(with(long) { $0.cr0 = 0x8000_0010 })),
        (.longCodeThatIsWide, EntryState(with(long) { $0.code = 0xe9b })),
        (.longModeThatIsNone, EntryState(with(flat) { $0.efer = 0x500 })),
        (.longModeThatIsNone, EntryState(with(long) { $0.efer = 0x400 })),
        (.pagingWithoutProtection, EntryState(with(flat) { $0.cr0 = 0x8000_0010 })),
    ]

    @Test(arguments: entries.indices) func entersOrNot(_ index: Int) {
        #expect(EntryCheck.failure(of: Self.entries[index].1, Self.rules) == Self.entries[index].0)
    }

    /// Whatever a guest writes, one register after the other, it stays where it can be entered.
    @Test func writesLeadToStatesThatCanBeEntered() {
        let seed = Randomised.seed(run: 0)
        print("control registers: seed \(seed)")
        var random = SplitMix(state: seed)
        let masks: [UInt64] = [Self.rules.cr4, Self.rules.features, 0xe005_003f, UInt64.max]
        let always: [UInt64] = [0, 1, 0x8000_0001, 0x20]
        let codes: [UInt16] = [0xa9b, 0xc9b, 0x9b]
        var (writes, refusals) = (0, 0)
        for _ in 0..<2000 {
            var state = Self.flat
            for _ in 0..<50 {
                // Few bits, so that something gets through.
                let likely: UInt64 = masks[Int(random.next() & 3)]
                let value: UInt64 = random.next() & random.next() & likely | always[Int(random.next() & 3)]
                let new: ControlState?
                switch random.next() & 3 {
                case 0: new = Self.rules.writingCR0(value, state)
                case 1: new = Self.rules.writingCR4(value & ~1, state)
                case 2: new = Self.rules.writingEFER(value & ~0x8000_0020, state)
                default: new = Self.rules.writingMachineStatus(value, state)
                }
                if let new { state = new }
                writes += 1
                refusals += new == nil ? 1 : 0
                if random.next() & 1 == 0 { state.code = codes[Int(random.next() % 3)] }
                #expect(EntryCheck.failure(of: EntryState(state), Self.rules) == nil, "\(state)")
            }
        }
        #expect(refusals > writes / 20 && refusals < writes * 19 / 20)
    }
}
