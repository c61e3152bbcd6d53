// SPDX-License-Identifier: Apache-2.0

/// Why a guest left on AMD: the control block's exit fields as a value (AMD APM 2, appendix C).
public enum SVMExit: Equatable, Sendable {
    /// The host's interrupt waits.
    case interrupt
    /// The host's NMI waits.
    case nmi
    /// SMI or INIT of the host: nothing to do.
    case ignored
    /// The guest takes interrupts again.
    case window
    case exception(vector: UInt8, error: UInt64)
    case cpuid
    case halt
    case hypercall
    case port(PortAccess)
    case readMSR
    case writeMSR
    case setExtendedControl
    /// MOV to CR0, CR4, DR4-DR7; LMSW and CLTS.
    case systemRegister
    /// INVD, WBINVD: two bytes.
    case flushCaches
    case nestedFault(NestedFault)
    /// An instruction that this guest's processor does not have.
    case undefined
    /// ICEBP, also called INT1: one byte.
    case debugInstruction
    /// RDPMC: no counters.
    case refused
    /// Triple fault.
    case shutdown
    /// VMRUN refused the state that it was given.
    case invalidState
    case unexpected(code: UInt64)

    /// Part of its caller: it is on the way of every exit.
    @inline(__always) public init(code: UInt64, info1: UInt64, info2: UInt64) {
        switch code {
        case 0x40...0x5f: self = .exception(vector: UInt8(truncatingIfNeeded: code - 0x40), error: info1)
        case 0x7b: self = .port(PortAccess(info1: info1, next: info2))
        case 0x7c: self = info1 & 1 != 0 ? .writeMSR : .readMSR
        case 0x400: self = .nestedFault(NestedFault(error: info1, address: info2))
        case .max, 0xffff_ffff: self = .invalidState
        default: self = Self.simple(code)
        }
    }

    /// Exits that say all by their number. Not a table: it would be walked, or built, at each exit.
    @inline(__always) private static func simple(_ code: UInt64) -> SVMExit {
        switch code {
        case 0x10, 0x14, 0x34...0x37: .systemRegister
        case 0x60: .interrupt
        case 0x61: .nmi
        case 0x62, 0x63: .ignored
        case 0x64: .window
        case 0x6f: .refused
        case 0x72: .cpuid
        case 0x76, 0x89: .flushCaches
        case 0x78: .halt
        case 0x7f: .shutdown
        case 0x81: .hypercall
        case 0x7a, 0x80, 0x82...0x86, 0x8a...0x8c, 0x8e: .undefined
        case 0x88: .debugInstruction
        case 0x8d: .setExtendedControl
        default: .unexpected(code: code)
        }
    }
}

/// IN, OUT, INS or OUTS (AMD APM 2, 15.10.2).
public struct PortAccess: Equatable, Sendable, BitwiseCopyable {
    public let port: UInt16
    /// Bytes: 1, 2 or 4.
    public let width: Int
    public let isRead: Bool
    /// INS, OUTS, which are emulated from their bytes.
    public let isString: Bool
    /// The next instruction.
    public let next: UInt64

    /// One element of a string.
    public init(port: UInt16, width: Int, isRead: Bool) {
        (self.port, self.width, self.isRead) = (port, width, isRead)
        isString = false
        next = 0
    }

    init(info1: UInt64, next: UInt64) {
        port = UInt16(truncatingIfNeeded: info1 >> 16)
        width = info1 >> 6 & 1 != 0 ? 4 : info1 >> 5 & 1 != 0 ? 2 : 1
        isRead = info1 & 1 != 0
        isString = info1 >> 2 & 1 != 0
        self.next = next
    }
}

/// A guest physical address that the nested tables do not let the guest use so (AMD APM 2, 15.25.6).
public struct NestedFault: Equatable, Sendable, BitwiseCopyable {
    public let address: UInt64
    /// The entry was there and did not allow it.
    public let isPresent: Bool
    public let isWrite: Bool
    public let isFetch: Bool
    /// The guest's own page tables lie there.
    public let isTableWalk: Bool

    init(error: UInt64, address: UInt64) {
        self.address = address
        isPresent = error & 1 != 0
        isWrite = error >> 1 & 1 != 0
        isFetch = error >> 4 & 1 != 0
        isTableWalk = error >> 33 & 1 != 0
    }
}
