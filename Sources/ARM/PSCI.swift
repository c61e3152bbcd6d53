// SPDX-License-Identifier: Apache-2.0

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
