// SPDX-License-Identifier: Apache-2.0

// platform.h: enumerations and flags.

/// `PlatformQuirk.quirkId` (platform.h: QUIRK_*).
@frozen public enum PlatformQuirkID: UInt32, Sendable {
    case noIRQBalancing = 1
    case ioAPICBadRegisterSelect = 2
    case ioAPICGoodRegisterSelect = 3
}

/// `PlatformEFIRuntimeCall.function` (platform.h: XEN_EFI_*).
@frozen public enum EFICall: UInt32, Sendable {
    case getTime = 1
    case setTime = 2
    case getWakeupTime = 3
    case setWakeupTime = 4
    case getNextHighMonotonicCount = 5
    case getVariable = 6
    case setVariable = 7
    case getNextVariableName = 8
    case queryVariableInfo = 9
    case queryCapsuleCapabilities = 10
    case updateCapsule = 11
}

/// `PlatformEFIRuntimeCall.misc`, by function (platform.h: XEN_EFI_*).
public enum EFICallFlag {
    @inlinable public static var setClearsNanoseconds: UInt32 { 1 << 0 }
    @inlinable public static var wakeupEnabled: UInt32 { 1 << 0 }
    @inlinable public static var wakeupPending: UInt32 { 1 << 1 }
    @inlinable public static var enableWakeup: UInt32 { 1 << 0 }
    @inlinable public static var enableWakeupOnly: UInt32 { 1 << 1 }
    @inlinable public static var nonVolatile: UInt32 { 1 << 0 }
    @inlinable public static var bootServiceAccess: UInt32 { 1 << 1 }
    @inlinable public static var runtimeAccess: UInt32 { 1 << 2 }
    @inlinable public static var bootSnapshot: UInt32 { 1 << 0 }
}

/// `PlatformFirmwareInfo.type` (platform.h: XEN_FW_*).
@frozen public enum FirmwareInfoType: UInt32, Sendable {
    case diskInfo = 1
    case diskSignature = 2
    case monitorInfo = 3
    case efiInfo = 4
    case keyboardShiftFlags = 5
}

/// `PlatformFirmwareInfo.index` (platform.h: XEN_FW_EFI_*).
@frozen public enum FirmwareEFIInfo: UInt32, Sendable {
    case version = 0
    case configTable = 1
    case vendor = 2
    case memory = 3
    case runtimeVersion = 4
    case pciROM = 5
    case appleProperties = 6
}

/// `PlatformCoreParking.type` (platform.h: XEN_CORE_PARKING_*).
@frozen public enum CoreParkingType: UInt32, Sendable {
    case set = 1
    case get = 2
}

/// `PlatformResourceEntry.cmd` (platform.h: XEN_RESOURCE_OP_*).
@frozen public enum PlatformResourceAccess: UInt32, Sendable {
    case readMSR = 0
    case writeMSR = 1
}

/// Flags of single operations (platform.h).
public enum PlatformFlag {
    /// In `PlatformEnterACPISleep.flags`.
    @inlinable public static var extendedSleep: UInt32 { 1 << 0 }
    /// In `PlatformCPUInfo.flags`.
    @inlinable public static var cpuOnline: UInt32 { 1 << 0 }
    @inlinable public static var cpuInvalid: UInt32 { 1 << 1 }
}
