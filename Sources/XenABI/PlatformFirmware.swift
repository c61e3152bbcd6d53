// SPDX-License-Identifier: Apache-2.0

// platform.h: XENPF_efi_runtime_call, XENPF_firmware_info.

/// platform.h: struct xenpf_efi_time.
@frozen public struct EFITime: BitwiseCopyable, Sendable {
    public var year: UInt16 = 0
    public var month: UInt8 = 0
    public var day: UInt8 = 0
    public var hour: UInt8 = 0
    public var min: UInt8 = 0
    public var sec: UInt8 = 0
    @usableFromInline var gap: UInt8 = 0
    public var ns: UInt32 = 0
    /// Minutes from UTC.
    public var tz: Int16 = 0
    public var daylight: UInt8 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_efi_guid.
@frozen public struct EFIGUID: BitwiseCopyable, Sendable {
    public var data1: UInt32 = 0
    public var data2: UInt16 = 0
    public var data3: UInt16 = 0
    public var data4 = InlineArray<8, UInt8>(repeating: 0)
    @inlinable public init() {}
}

/// platform.h: struct xenpf_efi_runtime_call, u.get_time.
@frozen public struct EFIGetTime: BitwiseCopyable, Sendable {
    public var time = EFITime()
    @usableFromInline var gap: UInt8 = 0
    public var resolution: UInt32 = 0
    public var accuracy: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_efi_runtime_call, u.get_variable and u.set_variable.
@frozen public struct EFIVariable<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var name: Caller.Word = .zero
    /// Bytes.
    public var size: Caller.Word = .zero
    public var data: Caller.Word = .zero
    public var vendorGuid = EFIGUID()
    @inlinable public init() {}
}

/// platform.h: struct xenpf_efi_runtime_call, u.get_next_variable_name.
@frozen public struct EFINextVariableName<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// Bytes.
    public var size: Caller.Word = .zero
    public var name: Caller.Word = .zero
    public var vendorGuid = EFIGUID()
    @inlinable public init() {}
}

/// platform.h: struct xenpf_efi_runtime_call, u.query_variable_info.
@frozen public struct EFIVariableInfo<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var attr: UInt32 = 0
    @usableFromInline var gap = Caller.paddingToWord
    /// Bytes, as are the next.
    public var maxStoreSize: Caller.Quad = .zero
    public var remainStoreSize: Caller.Quad = .zero
    public var maxSize: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xenpf_efi_runtime_call, u.query_capsule_capabilities.
@frozen public struct EFICapsuleCapabilities<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var capsuleHeaderArray: Caller.Word = .zero
    public var capsuleCount: Caller.Word = .zero
    /// Bytes.
    public var maxCapsuleSize: Caller.Quad = .zero
    public var resetType: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_efi_runtime_call, u.update_capsule.
@frozen public struct EFIUpdateCapsule<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var capsuleHeaderArray: Caller.Word = .zero
    public var capsuleCount: Caller.Word = .zero
    /// A machine address.
    public var sgList: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xenpf_efi_runtime_call.
@frozen public struct PlatformEFIRuntimeCall<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// An `EFICall`.
    public var function: UInt32 = 0
    public var misc: UInt32 = 0
    /// OUT.
    public var status: Caller.Word = .zero
    /// As large as the largest member of the union.
    public var payload = EFIVariable<Caller>()
    @inlinable public init() {}
}

/// platform.h: struct xenpf_firmware_info, u.disk_info.
@frozen public struct FirmwareDiskInfo<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var device: UInt8 = 0
    public var version: UInt8 = 0
    public var interfaceSupport: UInt16 = 0
    public var legacyMaxCylinder: UInt16 = 0
    public var legacyMaxHead: UInt8 = 0
    public var legacySectorsPerTrack: UInt8 = 0
    public var eddParams: Caller.Word = .zero
    @inlinable public init() {}
}

/// platform.h: struct xenpf_firmware_info, u.disk_mbr_signature.
@frozen public struct FirmwareDiskSignature: BitwiseCopyable, Sendable {
    public var device: UInt8 = 0
    @usableFromInline var gap: UInt8 = 0
    @usableFromInline var gap2: UInt16 = 0
    public var mbrSignature: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_firmware_info, u.vbeddc_info.
@frozen public struct FirmwareMonitorInfo<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var capabilities: UInt8 = 0
    public var edidTransferTime: UInt8 = 0
    @usableFromInline var gap: UInt16 = 0
    @usableFromInline var gap2 = Caller.paddingToWord
    /// Of 128 bytes.
    public var edid: Caller.Word = .zero
    @inlinable public init() {}
}

/// platform.h: union xenpf_efi_info, cfg.
@frozen public struct FirmwareEFITable<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var addr: Caller.Quad = .zero
    public var nent: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: union xenpf_efi_info, vendor.
@frozen public struct FirmwareEFIVendor<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var revision: UInt32 = 0
    /// Bytes.
    public var bufsz: UInt32 = 0
    public var name: Caller.Word = .zero
    @inlinable public init() {}
}

/// platform.h: union xenpf_efi_info, mem.
@frozen public struct FirmwareEFIMemory<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var addr: Caller.Quad = .zero
    /// Bytes.
    public var size: Caller.Quad = .zero
    public var attr: Caller.Quad = .zero
    public var type: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: union xenpf_efi_info, pci_rom.
@frozen public struct FirmwareEFIROM<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var segment: UInt16 = 0
    public var bus: UInt8 = 0
    public var devfn: UInt8 = 0
    public var vendor: UInt16 = 0
    public var devid: UInt16 = 0
    public var address: Caller.Quad = .zero
    /// Bytes.
    public var size: Caller.Word = .zero
    @inlinable public init() {}
}

/// platform.h: union xenpf_efi_info, apple_properties.
@frozen public struct FirmwareEFIProperties<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var address: Caller.Quad = .zero
    /// Bytes.
    public var size: Caller.Word = .zero
    @inlinable public init() {}
}

/// platform.h: struct xenpf_firmware_info.
@frozen public struct PlatformFirmwareInfo<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// A `FirmwareInfoType`.
    public var type: UInt32 = 0
    /// A `FirmwareEFIInfo` where the type is EFI's.
    public var index: UInt32 = 0
    /// As large as the largest member of the union.
    public var payload = FirmwareEFIMemory<Caller>()
    @inlinable public init() {}
}
