// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Synchronization

/// State of 32 interrupts: words of one bit per interrupt, then arrays of one entry per interrupt. A vCPU's private
/// bank stands at the start of its block; the word of bank 0 in the domain's block holds GICD_CTLR.
enum BankLayout {
    /// Bytes.
    static var size: UInt64 { 256 }
    /// GICv2: for each SGI a byte with a bit for each vCPU that sent it.
    static var sources: UInt64 { 48 }
    static var priorities: UInt64 { 64 }
    /// SPIs: the target vCPU's number, a byte each.
    static var targets: UInt64 { 96 }
    /// The physical interrupt of a mapped one, 16 bits each.
    static var physical: UInt64 { 128 }
    /// SPIs: the vCPU that has it in a list register, a byte each; means something while the resident bit is set.
    static var holders: UInt64 { 192 }
}

/// One vCPU's block: its private bank, then what only its own pCPU touches, but for `attention`.
enum CPULayout {
    /// Bytes.
    static var size: UInt64 { 512 }
    /// A bit for each bank in which there may be something to deliver. Set by anybody.
    static var attention: UInt64 { 256 }
    /// A bit for each list register in use.
    static var used: UInt64 { 260 }
    /// A bit for each list register to be restored from `values` when the vCPU runs again.
    static var saved: UInt64 { 264 }
    /// Banks with interrupts for which there was no list register.
    static var spill: UInt64 { 268 }
    /// A bit for each list register in use (or saved) that holds an SPI.
    static var shared: UInt64 { 276 }
    /// Not 0 while the underflow interrupt is asked for.
    static var underflow: UInt64 { 272 }
    /// The interrupt in each list register, 16 bits each; bit 15: it was pending by a latch and not just by its line.
    static var numbers: UInt64 { 288 }
    /// 16 list registers, 64 bits each.
    static var values: UInt64 { 320 }
}

/// A word of one bit per interrupt.
struct BankWord {
    let offset: UInt64
    /// May be delivered (GICD_ISENABLER).
    static var enabled: Self { Self(offset: 0) }
    /// An edge, a pulse or a guest's write made it pending, and it is not in a list register yet.
    static var pending: Self { Self(offset: 4) }
    /// The level of the line.
    static var line: Self { Self(offset: 8) }
    /// Configured as an edge (GICD_ICFGR).
    static var edge: Self { Self(offset: 12) }
    /// Active without a list register: by a guest's write.
    static var active: Self { Self(offset: 16) }
    /// In a list register.
    static var resident: Self { Self(offset: 20) }
    /// The vCPU that has it in a list register is to drop its pending state, or its active state.
    static var dropPending: Self { Self(offset: 24) }
    static var dropActive: Self { Self(offset: 28) }
    /// In the domain's block, bank 0: GICD_CTLR's enable bit as bit 0.
    static var control: Self { Self(offset: 0) }
    /// Mapped to a physical interrupt.
    static var mapped: Self { Self(offset: 32) }
}

/// A view of one bank.
struct Bank<Frames: FrameMemory> {
    let frames: Frames
    let address: MachineAddress

    @inline(__always) func load(_ word: BankWord) -> UInt32 {
        frames.atomic(UInt32.self, at: address + word.offset).pointee.load(ordering: .relaxed)
    }
    /// A load that does not pass an earlier `set` or `clear` of this CPU. Where one side sets A and then looks at B, and
    /// the other sets B and then looks at A, at least one of them sees the other.
    @inline(__always) func observe(_ word: BankWord) -> UInt32 {
        frames.atomic(UInt32.self, at: address + word.offset).pointee.load(ordering: .sequentiallyConsistent)
    }
    @inline(__always) func store(_ word: BankWord, _ value: UInt32) {
        frames.atomic(UInt32.self, at: address + word.offset).pointee.store(value, ordering: .relaxed)
    }
    /// Sets bits. Returns what was there.
    @inline(__always) @discardableResult func set(_ word: BankWord, _ bits: UInt32) -> UInt32 {
        frames.atomic(UInt32.self, at: address + word.offset).pointee
            .bitwiseOr(bits, ordering: .acquiringAndReleasing).oldValue
    }
    /// Clears bits. Returns what was there.
    @inline(__always) @discardableResult func clear(_ word: BankWord, _ bits: UInt32) -> UInt32 {
        frames.atomic(UInt32.self, at: address + word.offset).pointee
            .bitwiseAnd(~bits, ordering: .acquiringAndReleasing).oldValue
    }

    @inline(__always) func byte(_ array: UInt64, _ index: UInt32) -> UInt8 {
        frames.atomic(UInt8.self, at: address + array + UInt64(index & 31)).pointee.load(ordering: .relaxed)
    }
    @inline(__always) func setByte(_ array: UInt64, _ index: UInt32, _ value: UInt8) {
        frames.atomic(UInt8.self, at: address + array + UInt64(index & 31)).pointee.store(value, ordering: .relaxed)
    }
    /// Four entries of a byte array, the first a multiple of four.
    @inline(__always) func bytes(_ array: UInt64, _ index: UInt32) -> UInt32 {
        frames.atomic(UInt32.self, at: address + array + UInt64(index & 28)).pointee.load(ordering: .relaxed)
    }

    @inline(__always) func physical(_ index: UInt32) -> UInt32 {
        UInt32(
            frames.atomic(UInt16.self, at: address + BankLayout.physical + UInt64(index & 31) * 2).pointee
                .load(ordering: .relaxed))
    }
    func setPhysical(_ index: UInt32, _ value: UInt16) {
        frames.atomic(UInt16.self, at: address + BankLayout.physical + UInt64(index & 31) * 2).pointee
            .store(value, ordering: .relaxed)
    }

    /// Pending by a latch or by a line.
    @inline(__always) var pendingInMemory: UInt32 { load(.pending) | load(.line) & ~load(.edge) }
}

/// A view of one vCPU's block.
struct CPUBlock<Frames: FrameMemory> {
    let bank: Bank<Frames>

    /// Asks the vCPU to look at banks. Pairs with `takeAttention`: what was set before this is seen after that.
    @inline(__always) func ask(_ banks: UInt32) {
        bank.frames.atomic(UInt32.self, at: bank.address + CPULayout.attention).pointee
            .bitwiseOr(banks, ordering: .acquiringAndReleasing)
    }
    @inline(__always) var attention: UInt32 {
        bank.frames.atomic(UInt32.self, at: bank.address + CPULayout.attention).pointee.load(ordering: .acquiring)
    }
    @inline(__always) var hasAttention: Bool {
        bank.frames.atomic(UInt32.self, at: bank.address + CPULayout.attention).pointee.load(ordering: .relaxed) != 0
    }
    @inline(__always) func takeAttention() -> UInt32 {
        bank.frames.atomic(UInt32.self, at: bank.address + CPULayout.attention).pointee
            .exchange(0, ordering: .acquiringAndReleasing)
    }

    /// Banks with interrupts that found no list register. Written by the vCPU's own pCPU alone, read by others as a hint.
    @inline(__always) var spill: UInt32 {
        bank.frames.atomic(UInt32.self, at: bank.address + CPULayout.spill).pointee.load(ordering: .relaxed)
    }
    @inline(__always) func setSpill(_ banks: UInt32) {
        bank.frames.atomic(UInt32.self, at: bank.address + CPULayout.spill).pointee.store(banks, ordering: .relaxed)
    }

    // What follows is touched by the vCPU's own pCPU alone.

    @inline(__always) func word(_ offset: UInt64) -> UInt32 { bank.frames.load(UInt32.self, at: bank.address + offset) }
    @inline(__always) func setWord(_ offset: UInt64, _ value: UInt32) {
        bank.frames.store(value, at: bank.address + offset)
    }
    /// Whether there is anything but the list registers in use to think of: some to restore, or a lack of them.
    @inline(__always) var isBusy: Bool {
        bank.frames.load(UInt64.self, at: bank.address + CPULayout.saved) != 0
    }
    func setUsed(_ registers: UInt32) {
        setWord(CPULayout.used, registers)
        setWord(CPULayout.shared, word(CPULayout.shared) & registers)
    }
    @inline(__always) func number(_ register: Int) -> UInt16 {
        bank.frames.load(UInt16.self, at: bank.address + CPULayout.numbers + UInt64(register & 15) * 2)
    }
    @inline(__always) func setNumber(_ register: Int, _ value: UInt16) {
        bank.frames.store(value, at: bank.address + CPULayout.numbers + UInt64(register & 15) * 2)
    }
    func value(_ register: Int) -> UInt64 {
        bank.frames.load(UInt64.self, at: bank.address + CPULayout.values + UInt64(register & 15) * 8)
    }
    func setValue(_ register: Int, _ value: UInt64) {
        bank.frames.store(value, at: bank.address + CPULayout.values + UInt64(register & 15) * 8)
    }
}

extension VirtualGIC {
    @inline(__always) func block(_ vcpu: VCPUID) -> CPUBlock<Frames> {
        CPUBlock(bank: privateBank(vcpu))
    }
    @inline(__always) func privateBank(_ vcpu: VCPUID) -> Bank<Frames> {
        let offset = UInt64(truncatingIfNeeded: banks) &* BankLayout.size &+ UInt64(vcpu.rawValue) &* CPULayout.size
        return Bank(frames: frames, address: base + offset)
    }
    /// Bank `index`, which exists, as `vcpu` sees it.
    @inline(__always) func bank(_ index: UInt32, vcpu: VCPUID) -> Bank<Frames> {
        index == 0 ? privateBank(vcpu) : Bank(frames: frames, address: base + UInt64(index) &* BankLayout.size)
    }
    @inline(__always) func hasBank(_ index: UInt32) -> Bool { Int(index) < banks }

    /// GICD_CTLR's enable bit.
    @inline(__always) var isDistributorOn: Bool {
        frames.atomic(UInt32.self, at: base).pointee.load(ordering: .relaxed) & 1 != 0
    }
    /// The vCPU that has a resident SPI in a list register.
    @inline(__always) func holder(_ bank: Bank<Frames>, _ bit: UInt32) -> VCPUID {
        VCPUID(UInt32(bank.byte(BankLayout.holders, bit)))
    }
    /// The vCPU to which an SPI is routed.
    @inline(__always) func target(_ bank: Bank<Frames>, _ bit: UInt32) -> VCPUID {
        VCPUID(UInt32(bank.byte(BankLayout.targets, bit)))
    }
}
