// SPDX-License-Identifier: Apache-2.0

/// Function numbers and results of the firmware interface, for calling it and for being it (ARM DEN 0022F, DEN 0028E).
public enum SMCCC {
    public static var version: UInt32 { 0x8000_0000 }
    public static var architectureFeatures: UInt32 { 0x8000_0001 }
    /// What an unknown function answers.
    public static var notSupported: Int64 { -1 }
    /// SMCCC 1.1.
    public static var version11: Int64 { 0x1_0001 }
    /// UID of Xen's hypervisor service (public/arch-arm/smccc.h), four words, and its revision 0.1.
    public static var hypervisorCallCount: UInt32 { 0x8600_ff00 }
    public static var hypervisorUID: UInt32 { 0x8600_ff01 }
    public static var hypervisorRevision: UInt32 { 0x8600_ff03 }
}

/// PSCI as a guest calls it: bit 30 of a function (64-bit arguments) taken away.
public enum PSCIFunction: UInt32, Sendable {
    case version = 0x8400_0000
    case cpuSuspend = 0x8400_0001
    case cpuOff = 0x8400_0002
    case cpuOn = 0x8400_0003
    case affinityInfo = 0x8400_0004
    case migrateInfoType = 0x8400_0006
    case systemOff = 0x8400_0008
    case systemReset = 0x8400_0009
    case features = 0x8400_000a

    /// Nil for a number that is no function, or has no 64-bit form where one is asked for.
    public init?(call: UInt32) {
        let is64Bit = call & 1 << 30 != 0
        self.init(rawValue: call & ~(1 << 30))
        if is64Bit {
            switch self {
            case .cpuSuspend, .cpuOn, .affinityInfo: return
            default: return nil
            }
        }
    }
}

/// Results of PSCI.
public enum PSCIResult {
    public static var success: Int64 { 0 }
    public static var notSupported: Int64 { -1 }
    public static var invalidParameters: Int64 { -2 }
    public static var denied: Int64 { -3 }
    public static var alreadyOn: Int64 { -4 }
    /// PSCI 1.1.
    public static var version11: Int64 { 0x1_0001 }
    /// Trusted OS: none to migrate.
    public static var migrationNotRequired: Int64 { 2 }
}
