// SPDX-License-Identifier: Apache-2.0

/// Operations of xen_version (version.h: XENVER_*).
@frozen public enum VersionOp: UInt32, Sendable {
    /// Returns major << 16 | minor; no argument.
    case version = 0
    case extraVersion = 1
    case compileInfo = 2
    case capabilities = 3
    case changeset = 4
    case platformParameters = 5
    case getFeatures = 6
    /// Returns the page size in bytes; no argument.
    case pageSize = 7
    case guestHandle = 8
    case commandLine = 9
    case buildID = 10
}

/// version.h: xen_extraversion_t. NUL-terminated.
public typealias ExtraVersion = InlineArray<16, UInt8>
/// version.h: xen_capabilities_info_t. NUL-terminated.
public typealias CapabilitiesInfo = InlineArray<1024, UInt8>
/// version.h: xen_changeset_info_t. NUL-terminated.
public typealias ChangesetInfo = InlineArray<64, UInt8>
/// version.h: xen_commandline_t. NUL-terminated.
public typealias CommandLineInfo = InlineArray<1024, UInt8>
/// xen.h: xen_domain_handle_t.
public typealias DomainHandle = InlineArray<16, UInt8>

/// version.h: struct xen_compile_info. Each string is NUL-terminated.
@frozen public struct CompileInfo: BitwiseCopyable, Sendable {
    public var compiler: InlineArray<64, UInt8> = .init(repeating: 0)
    public var compileBy: InlineArray<16, UInt8> = .init(repeating: 0)
    public var compileDomain: InlineArray<32, UInt8> = .init(repeating: 0)
    public var compileDate: InlineArray<32, UInt8> = .init(repeating: 0)
    @inlinable public init() {}
}

/// version.h: struct xen_platform_parameters.
@frozen public struct PlatformParameters<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// First virtual address that a PV guest leaves to the hypervisor; 0 where there is none.
    public var virtualStart: Caller.Word = .zero
    @inlinable public init() {}
}

/// version.h: struct xen_feature_info.
@frozen public struct FeatureInfo: BitwiseCopyable, Sendable {
    /// Which 32 features, below `FeatureInfo.submaps`.
    public var submapIndex: UInt32 = 0
    /// Bit n: feature 32 * `submapIndex` + n.
    public var submap: UInt32 = 0
    @inlinable public init() {}

    /// features.h: XENFEAT_NR_SUBMAPS.
    @inlinable public static var submaps: UInt32 { 1 }
}

/// version.h: struct xen_build_id, without the bytes that follow it.
@frozen public struct BuildIDHeader: BitwiseCopyable, Sendable {
    /// Bytes that follow.
    public var length: UInt32 = 0
    @inlinable public init() {}
}

/// Bit numbers in the feature map (features.h: XENFEAT_*).
@frozen public enum Feature: UInt32, Sendable {
    case writablePageTables = 0
    case writableDescriptorTables = 1
    case autoTranslatedPhysmap = 2
    case supervisorModeKernel = 3
    case paePgdirAbove4GB = 4
    case mmuPTUpdatePreserveAD = 5
    case highmemAssist = 6
    case gnttabMapAvailBits = 7
    case hvmCallbackVector = 8
    case hvmSafePVClock = 9
    case hvmPIRQs = 10
    case dom0 = 11
    case memoryOpVnodeSupported = 13
    case armSMCCCSupported = 14
    case linuxRSDPUnrestricted = 15
    case notDirectMapped = 16
    case directMapped = 17

    /// The feature as a bit of submap 0.
    @inlinable public var bit: UInt32 { 1 << rawValue }
}
