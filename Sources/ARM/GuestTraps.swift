// SPDX-License-Identifier: Apache-2.0

/// What a guest on AArch64 is kept from, and what is virtual: the values of EL2's trap registers (ARM DDI 0487, D17.2).
public enum GuestTraps {
    /// HCR_EL2: stage 2 on, interrupts and WFI/WFE to us, feature registers, SMC, ACTLR and implementation-defined registers trap,
    /// EL1 is 64-bit, broadcasts stay in the inner shareable domain.
    public static var hypervisor: UInt64 {
        1 << 0  // VM
            | 1 << 1  // SWIO
            | 1 << 2  // PTW
            | 1 << 3 | 1 << 4 | 1 << 5  // FMO, IMO, AMO
            | 1 << 9  // FB
            | 1 << 10  // BSU inner
            | 1 << 13  // TWI
            | 1 << 18  // TID3
            | 1 << 19 | 1 << 20 | 1 << 21  // TSC, TIDCP, TACR
            | 1 << 31  // RW
    }
    /// HCR_EL2.VSE: an SError waits for the guest whose registers the processor has.
    @usableFromInline static var systemError: UInt64 { 1 << 8 }

    @inlinable @inline(__always) public static func hypervisor(hasSystemError: Bool) -> UInt64 {
        hypervisor | (hasSystemError ? systemError : 0)
    }
    public static func hasSystemError(_ hypervisor: UInt64) -> Bool { hypervisor & systemError != 0 }

    /// ID_AA64PFR0_EL1.RAS: what a virtual SError says of itself is VSESR_EL2's to say, which no reset sets.
    public static func hasRAS(_ pfr0: UInt64) -> Bool { pfr0 >> 28 & 0xf != 0 }
    /// VSESR_EL2: IDS, a syndrome of the implementation's own, of which nothing is known (ARM DDI 0487, D17.2.37, ISS of an SError).
    public static var systemErrorSyndrome: UInt64 { 1 << 24 }

    /// CPTR_EL2 for the guest whose FP registers the processor has: SVE (TZ and the bits that are ones), trace registers (TTA) and
    /// activity monitors (TAM) trap.
    public static var always: UInt64 { 0x33ff & ~(1 << 10) | 1 << 20 | 1 << 30 }
    /// The same with FP (TFP).
    public static var floatingPoint: UInt64 { always | 1 << 10 }

    /// HSTR_EL2: of the coprocessor registers of AArch32 those of CRn 15.
    public static var coprocessors: UInt64 { 1 << 15 }
    /// MDCR_EL2.TDRA, TDOSA, TDA, TPM, TPMCR: debug, OS lock and performance registers trap.
    public static var debug: UInt64 { 1 << 11 | 1 << 10 | 1 << 9 | 1 << 6 | 1 << 5 }
}
