// SPDX-License-Identifier: Apache-2.0

public import Base

/// Why a guest stopped, from ESR_EL2, FAR_EL2 and HPFAR_EL2 (ARM DDI 0487, D17.2.37). Pure: the same answer for the same bits.
public enum Exit: Equatable, Sendable {
    /// HVC with this immediate.
    case hypervisorCall(UInt16)
    /// SMC; its immediate is not looked at.
    case secureMonitorCall
    /// WFI, or WFE where `isEvent`.
    case wait(isEvent: Bool)
    case systemRegister(SystemRegisterAccess)
    /// A load or store that stage 2 does not translate or forbids.
    case dataAbort(DataAbort)
    /// An instruction fetch that stage 2 does not translate or forbids.
    case instructionAbort(GuestAddress)
    /// FP or SIMD while the registers are another vCPU's.
    case floatingPoint
    /// AArch32 access to a coprocessor register; no encoding of ours is behind it.
    case coprocessor
    /// A class that should not reach EL2, by number.
    case unexpected(UInt8)

    /// Decodes a synchronous exit. `faultAddress` is FAR_EL2, `faultPage` HPFAR_EL2.
    @inlinable @inline(__always)
    public init(syndrome: UInt64, faultAddress: UInt64, faultPage: UInt64) {
        switch syndrome >> 26 & 0x3f {
        case 0x16, 0x12: self = .hypervisorCall(UInt16(truncatingIfNeeded: syndrome))
        case 0x18: self = .systemRegister(SystemRegisterAccess(syndrome: syndrome))
        case 0x24: self = .dataAbort(DataAbort(syndrome: syndrome, faultAddress: faultAddress, faultPage: faultPage))
        case 0x01: self = .wait(isEvent: syndrome & 1 != 0)
        case 0x07: self = .floatingPoint
        case 0x17, 0x13: self = .secureMonitorCall
        case 0x20: self = .instructionAbort(DataAbort.address(faultAddress, faultPage))
        case 0x03, 0x04, 0x05, 0x06, 0x08, 0x0c: self = .coprocessor
        case let other: self = .unexpected(UInt8(truncatingIfNeeded: other))
        }
    }
}

/// A trapped MSR or MRS.
public struct SystemRegisterAccess: Equatable, Sendable {
    /// op0, op1, CRn, CRm, op2 as `SystemRegister.id` packs them.
    public let register: UInt32
    /// General register, 31 for XZR.
    public let target: Int
    public let isRead: Bool

    @inlinable @inline(__always) public init(syndrome: UInt64) {
        // ISS: op0 20-21, op2 17-19, op1 14-16, CRn 10-13, Rt 5-9, CRm 1-4, direction 0.
        register = UInt32(truncatingIfNeeded: syndrome) & 0x3f_fc1e
        target = Int(syndrome >> 5 & 0x1f)
        isRead = syndrome & 1 != 0
    }
}

/// Encodings of system registers, in the bits of an exit's ISS so that decoding is a mask.
public enum SystemRegister {
    @inlinable public static func id(_ op0: UInt32, _ op1: UInt32, _ crn: UInt32, _ crm: UInt32, _ op2: UInt32) -> UInt32 {
        op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | crm << 1
    }
    @inlinable public static var sgi1r: UInt32 { id(3, 0, 12, 11, 5) }
    @inlinable public static var asgi1r: UInt32 { id(3, 0, 12, 11, 6) }
    @inlinable public static var sgi0r: UInt32 { id(3, 0, 12, 11, 7) }
    @inlinable public static var cntpCTL: UInt32 { id(3, 3, 14, 2, 1) }
    @inlinable public static var cntpCVAL: UInt32 { id(3, 3, 14, 2, 2) }
    @inlinable public static var cntpTVAL: UInt32 { id(3, 3, 14, 2, 0) }
    @inlinable public static var actlr: UInt32 { id(3, 0, 1, 0, 1) }
    @inlinable public static var iccSRE: UInt32 { id(3, 0, 12, 12, 5) }

    /// Whether this is one of the 64 feature registers S3_0_C0_C<m>_<n>, and which: 8 m + n.
    @inlinable @inline(__always) public static func feature(_ register: UInt32) -> Int? {
        guard register & 0x31_fc00 == id(3, 0, 0, 0, 0) else { return nil }
        let crm = register >> 1 & 0xf
        guard crm < 8 else { return nil }
        return Int(crm << 3 | register >> 17 & 7)
    }
}

/// A trapped load or store.
public struct DataAbort: Equatable, Sendable {
    /// Where `isAddressKnown`; else the offset in its page alone is right.
    public var address: GuestAddress
    /// HPFAR_EL2 says the page. Not where stage 2 forbids what it translates, but for a walk of stage 1's (ARM DDI 0487, D17.2.65):
    /// the address is then what stage 1 makes of FAR_EL2.
    public let isAddressKnown: Bool
    /// The syndrome names register, width and direction (one register, no write-back).
    public let isDecoded: Bool
    public let isWrite: Bool
    /// Bytes: 1, 2, 4 or 8.
    public let width: Int
    public let isSignExtended: Bool
    /// The register is 64 bits wide: a sign-extended load fills all of it.
    public let is64Bit: Bool
    /// General register, 31 for XZR.
    public let target: Int
    /// Stage 1's own walk faulted, not the access.
    public let isTableWalk: Bool
    public let kind: Kind

    public enum Kind: Equatable, Sendable { case translation, permission, other }

    @inlinable @inline(__always) static func address(_ fault: UInt64, _ page: UInt64) -> GuestAddress {
        GuestAddress((page & 0xff_ffff_fff0) << 8 | fault & 0xfff)
    }

    @inlinable @inline(__always) public init(syndrome: UInt64, faultAddress: UInt64, faultPage: UInt64) {
        address = DataAbort.address(faultAddress, faultPage)
        isDecoded = syndrome >> 24 & 1 != 0
        width = 1 << Int(syndrome >> 22 & 3)
        isSignExtended = syndrome >> 21 & 1 != 0
        target = Int(syndrome >> 16 & 0x1f)
        is64Bit = syndrome >> 15 & 1 != 0
        isTableWalk = syndrome >> 7 & 1 != 0
        isWrite = syndrome >> 6 & 1 != 0
        switch syndrome >> 2 & 0xf {
        case 1: kind = .translation
        case 3: kind = .permission
        default: kind = .other
        }
        isAddressKnown = isTableWalk || kind != .permission
    }

    /// The same with the address that stage 1 gives, from PAR_EL1 after a translation of FAR_EL2. Nil where it gives none any more:
    /// then the guest is to try again.
    public func with(translation: UInt64) -> Self? {
        guard translation & 1 == 0 else { return nil }
        var abort = self
        abort.address = GuestAddress(translation & 0xf_ffff_ffff_f000 | address.offset)
        return abort
    }

    /// What a load of `value` leaves in the register.
    @inlinable public func extend(_ value: UInt64) -> UInt64 {
        let bits = UInt64(width) * 8
        guard bits < 64 else { return value }
        let low = value & (1 << bits - 1)
        guard isSignExtended, low >> (bits - 1) != 0 else { return low }
        let extended = low | ~0 << bits
        return is64Bit ? extended : extended & 0xffff_ffff
    }
}
