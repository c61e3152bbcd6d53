// SPDX-License-Identifier: Apache-2.0

/// What a stretch of 128 bytes of a GIC frame is. The distributor of both versions and the SGI frame of a
/// redistributor share one map (ARM IHI 0048B table 4-1, ARM IHI 0069 tables 12-25 and 12-29).
struct RegisterFamily: BitwiseCopyable, Sendable {
    enum Kind: UInt8, BitwiseCopyable, Sendable {
        /// CTLR, TYPER, IIDR.
        case control
        /// Reads as zero, ignores writes, in 32-bit accesses.
        case zero
        /// The same in any width.
        case reserved
        /// One bit per interrupt. A read gives `word`, whichever of the pair of registers it is.
        case setEnable, clearEnable
        /// One bit per interrupt whose state may be in list registers.
        case setPending, clearPending, setActive, clearActive
        /// A byte per interrupt.
        case priority, target
        /// Two bits per interrupt.
        case configuration
        /// GICv2: SGIR, CPENDSGIR, SPENDSGIR.
        case softwareInterrupt
        /// PIDR2 and its neighbours.
        case identification
    }

    let kind: Kind
    /// Sum of the access widths, in bytes, that are allowed.
    let widths: UInt8

    private init(_ kind: Kind, _ widths: UInt8 = 4) {
        self.kind = kind
        self.widths = widths
    }

    /// The map of offsets 0 to 0xfff, by `offset >> 7`.
    static let all: InlineArray<32, RegisterFamily> = [
        /* 000 */ Self(.control), Self(.zero), Self(.setEnable), Self(.clearEnable),
        /* 200 */ Self(.setPending), Self(.clearPending), Self(.setActive), Self(.clearActive),
        /* 400 */ Self(.priority, 5), Self(.priority, 5), Self(.priority, 5), Self(.priority, 5),
        /* 600 */ Self(.priority, 5), Self(.priority, 5), Self(.priority, 5), Self(.priority, 5),
        /* 800 */ Self(.target, 5), Self(.target, 5), Self(.target, 5), Self(.target, 5),
        /* a00 */ Self(.target, 5), Self(.target, 5), Self(.target, 5), Self(.target, 5),
        /* c00 */ Self(.configuration), Self(.configuration), Self(.zero), Self(.reserved, 15),
        /* e00 */ Self(.zero), Self(.zero), Self(.softwareInterrupt, 5), Self(.identification, 15),
    ]

    /// The family of an access that is aligned and of an allowed width; nil for one that the guest gets a data abort
    /// for. `offset` is below 0x1000.
    @inline(__always)
    static func of(_ offset: UInt32, width: UInt32) -> RegisterFamily.Kind? {
        let family = all[Int(offset >> 7 & 31)]
        return UInt32(family.widths) & width != 0 && offset & (width &- 1) == 0 ? family.kind : nil
    }
}

/// Values of identification registers, as Xen's.
enum Identification {
    /// GICD_IIDR of a GICv2: ARM.
    static var v2: UInt32 { 0x43b }
    /// GICD_IIDR and GICR_IIDR of a GICv3.
    static var v3: UInt32 { 0x34c }
    /// PIDR2: the architecture version in bits 7:4.
    static func peripheral(_ version: GICVersion) -> UInt32 { version == .v2 ? 0x20 : 0x30 }
}
