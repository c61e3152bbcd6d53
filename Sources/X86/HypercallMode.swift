// SPDX-License-Identifier: Apache-2.0

/// Which registers a hypercall's arguments are in, and how wide they are, by the mode of the code that makes it.
@frozen public enum HypercallMode: Sendable {
    case bits32
    case bits64

    /// Nil where the caller may not ask: user mode, and code of virtual 8086 mode. Real mode may; it has no rights to lack.
    ///
    /// `isLong`: the code is 64-bit code; `level`: its privilege level. Xen: hvm_guest_x86_mode, hvm_hypercall.
    public init?(cr0: UInt64, flags: UInt64, isLong: Bool, level: UInt8) {
        let isProtected = cr0 & 1 != 0
        let isVirtual8086 = flags >> 17 & 1 != 0
        if isProtected, level != 0 || (isVirtual8086 && !isLong) { return nil }
        self = isProtected && isLong ? .bits64 : .bits32
    }

    /// RDI, RSI, RDX, R10, R8, or EBX, ECX, EDX, ESI, EDI, by their numbers.
    @inlinable @inline(__always) public var registers: InlineArray<5, Int> {
        switch self {
        case .bits64: [7, 6, 2, 10, 8]
        case .bits32: [3, 1, 2, 6, 7]
        }
    }

    /// What counts of a register. The upper half of one is whatever 64-bit code has left there.
    @inlinable @inline(__always) public func argument(_ register: UInt64) -> UInt64 {
        self == .bits64 ? register : register & 0xffff_ffff
    }

    /// RAX with a result in it, which was `old` before.
    @inlinable public func result(_ value: UInt64, over old: UInt64) -> UInt64 {
        self == .bits64 ? value : old & ~0xffff_ffff | value & 0xffff_ffff
    }
}
