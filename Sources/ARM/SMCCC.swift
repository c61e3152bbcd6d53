// SPDX-License-Identifier: Apache-2.0

/// Function numbers and results of the firmware interface, for calling it and for being it (ARM DEN 0028E, ARM DEN 0070A).
public enum SMCCC {
    public static var version: UInt32 { 0x8000_0000 }
    public static var architectureFeatures: UInt32 { 0x8000_0001 }
    /// Makes the calling processor forget the targets of branches; with the third its history too.
    public static var workaround1: UInt32 { 0x8000_8000 }
    /// Turns the protection against loads that overtake stores on (1) or off (0).
    public static var workaround2: UInt32 { 0x8000_7fff }
    public static var workaround3: UInt32 { 0x8000_3fff }
    public static var success: Int64 { 0 }
    /// What an unknown function answers.
    public static var notSupported: Int64 { -1 }
    /// There is nothing to work around.
    public static var notRequired: Int64 { -2 }
    /// SMCCC 1.1.
    public static var version11: Int64 { 0x1_0001 }
    /// UID of Xen's hypervisor service (public/arch-arm/smccc.h), four words, and its revision 0.1.
    public static var hypervisorCallCount: UInt32 { 0x8600_ff00 }
    public static var hypervisorUID: UInt32 { 0x8600_ff01 }
    public static var hypervisorRevision: UInt32 { 0x8600_ff03 }
}

/// What the firmware says of one of its workarounds on the processor that asks (SMCCC_ARCH_FEATURES, ARM DEN 0028E 7.3).
public enum WorkaroundAnswer: Equatable, Sendable {
    /// It has none, or is too old to say.
    case missing
    /// No processor of the machine needs it.
    case notRequired
    /// This processor needs it.
    case required
    /// This processor does not, others do.
    case unaffected

    /// The lower 32 bits count.
    public init(_ result: UInt64) {
        switch Int32(truncatingIfNeeded: result) {
        case 0: self = .required
        case 1...: self = .unaffected
        case -2: self = .notRequired
        default: self = .missing
        }
    }
}
