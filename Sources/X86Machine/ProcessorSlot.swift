// SPDX-License-Identifier: Apache-2.0

import ArchX86
import X86

/// A CPU's part of the stack area: its descriptor tables and exception stacks, and its stack
/// (arch/x86/include/x86.h).
@safe public struct ProcessorSlot: Sendable {
    let base: UInt

    /// The boot CPU's, in the image.
    /// SAFETY: `base` is a slot that is mapped for good.
    @unsafe public init(mappedAt base: UInt) { self.base = base }

    /// The slot of CPU `number`, mapped or not yet.
    public init(cpu number: Int) { base = 0x0000_0200_c000_0000 + UInt(number) * UInt(X86_SLOT_SIZE) }

    public static var stackFrames: UInt64 { (UInt64(X86_SLOT_SIZE) - UInt64(X86_SLOT_STACK)) >> 12 }

    var tables: UInt { base + UInt(X86_SLOT_TABLES) }
    var stack: UInt { base + UInt(X86_SLOT_STACK) }
    /// Top of the CPU's stack, below its number.
    public var stackTop: UInt { base + UInt(X86_SLOT_CPU) }

    /// Whether `address` lies in this slot where nothing is mapped: a stack that goes on there has overflowed.
    public func isGuard(_ address: UInt64) -> Bool {
        let offset = address &- UInt64(base)
        return offset < UInt64(X86_SLOT_TABLES)
            || offset >= UInt64(X86_SLOT_TABLES) + 0x1000 && offset < UInt64(X86_SLOT_STACK)
    }

    /// Writes the CPU's number where the entries of exceptions look for it.
    public func setNumber(_ number: Int) {
        // SAFETY: the slot is mapped by the promise of whoever made this.
        unsafe write(UInt64(number), UInt(X86_SLOT_CPU))
    }

    @unsafe private func write(_ value: UInt64, _ offset: UInt) {
        unsafe UnsafeMutableRawPointer(bitPattern: base + offset).unsafelyUnwrapped.storeBytes(of: value, as: UInt64.self)
    }

    /// Fills the GDT and the TSS of this slot and makes the calling CPU use them.
    public func activate() {
        let table = UInt(X86_SLOT_TABLES)
        let task = UInt(X86_SLOT_TSS)
        let taskSize: UInt64 = 104
        let descriptor = Descriptor.task(base: UInt64(base + task), size: taskSize)
        // SAFETY: as above.
        unsafe write(0, table)
        unsafe write(Descriptor.code64, table + UInt(Selector.code))
        unsafe write(Descriptor.data, table + UInt(Selector.data))
        unsafe write(descriptor.low, table + UInt(Selector.task))
        unsafe write(descriptor.high, table + UInt(Selector.task) + 8)
        // Intel SDM 3A, figure 7-11: four bytes in, the stacks of the rings, then from 36 on those of the IST.
        for offset in stride(from: UInt(0), to: UInt(taskSize), by: 8) { unsafe write(0, task + offset) }
        for index in UInt(1)...4 { unsafe write(UInt64(base + table + index * 1024), task + 28 + index * 8) }
        // No map of ports: its offset, in the last two bytes, is the TSS's size.
        unsafe write(taskSize << 48, task + 96)
        x86_load_gdt(UInt64(base + table), Selector.task + 15)
        x86_load_task(Selector.task)
    }
}
