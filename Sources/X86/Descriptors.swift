// SPDX-License-Identifier: Apache-2.0

/// Descriptors of the GDT and the IDT (Intel SDM 3A, 3.4.5, 6.14.1, 7.2.3). A 16-byte descriptor is two words, low first.
public enum Descriptor {
    public static var code64: UInt64 { 0x00af_9b00_0000_ffff }
    public static var data: UInt64 { 0x00cf_9300_0000_ffff }

    /// An available 64-bit TSS of `size` bytes at `base`.
    public static func task(base: UInt64, size: UInt64) -> (low: UInt64, high: UInt64) {
        let limit = size - 1
        let low =
            limit & 0xffff | (base & 0xff_ffff) << 16 | 0x89 << 40 | (limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56
        return (low, base >> 32)
    }

    /// A gate to `handler` that masks interrupts. `stack`: entry of the interrupt stack table, 1-7; 0 stays on the stack.
    public static func interruptGate(handler: UInt64, selector: UInt16, stack: UInt64) -> (low: UInt64, high: UInt64) {
        let low = handler & 0xffff | UInt64(selector) << 16 | (stack & 7) << 32 | 0x8e << 40 | (handler >> 16 & 0xffff) << 48
        return (low, handler >> 32)
    }
}

/// Selectors of the hypervisor's GDT (boot/x86_64/start.inc has the first two).
public enum Selector {
    public static var code: UInt16 { 0x08 }
    public static var data: UInt16 { 0x10 }
    public static var task: UInt16 { 0x18 }
}

/// Stacks of the interrupt stack table: for exceptions that may come when the stack is used up or not to be trusted.
public enum InterruptStack: UInt64, Sendable {
    case doubleFault = 1, nmi, machineCheck, pageFault

    /// The stack that an exception gets; 0 for the one that was in use.
    public static func index(vector: UInt64) -> UInt64 {
        switch vector {
        case ExceptionVector.nmi: nmi.rawValue
        case ExceptionVector.doubleFault: doubleFault.rawValue
        case ExceptionVector.pageFault: pageFault.rawValue
        case ExceptionVector.machineCheck: machineCheck.rawValue
        default: 0
        }
    }
}
