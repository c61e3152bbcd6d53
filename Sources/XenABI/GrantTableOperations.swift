// SPDX-License-Identifier: Apache-2.0

/// Operations of grant_table_op (grant_table.h: GNTTABOP_*).
@frozen public enum GrantTableOp: UInt32, Sendable {
    case mapGrantRef = 0
    case unmapGrantRef = 1
    case setupTable = 2
    case dumpTable = 3
    case transfer = 4
    case copy = 5
    case querySize = 6
    case unmapAndReplace = 7
    case setVersion = 8
    case getStatusFrames = 9
    case getVersion = 10
    case swapGrantRef = 11
    case cacheFlush = 12
}

/// The status field of an operation (grant_table.h: GNTST_*).
@frozen public enum GrantStatus: Int16, Error, Sendable {
    case okay = 0
    case generalError = -1
    case badDomain = -2
    case badGrantRef = -3
    case badHandle = -4
    case badVirtualAddress = -5
    case badDeviceAddress = -6
    case noDeviceSpace = -7
    case permissionDenied = -8
    case badPage = -9
    case badCopyArgument = -10
    case addressTooBig = -11
    case eagain = -12
    case noSpace = -13
}

/// The flags word of a grant entry (grant_table.h: GTF_*).
public enum GrantFlag {
    @inlinable public static var invalid: UInt16 { 0 }
    @inlinable public static var permitAccess: UInt16 { 1 }
    @inlinable public static var acceptTransfer: UInt16 { 2 }
    @inlinable public static var transitive: UInt16 { 3 }
    @inlinable public static var typeMask: UInt16 { 3 }
    @inlinable public static var readOnly: UInt16 { 1 << 2 }
    @inlinable public static var reading: UInt16 { 1 << 3 }
    @inlinable public static var writing: UInt16 { 1 << 4 }
    @inlinable public static var pwt: UInt16 { 1 << 5 }
    @inlinable public static var pcd: UInt16 { 1 << 6 }
    @inlinable public static var pat: UInt16 { 1 << 7 }
    @inlinable public static var subPage: UInt16 { 1 << 8 }
    /// In an entry that accepts a transfer (Xen: GTF_transfer_committed).
    @inlinable public static var transferCommitted: UInt16 { 1 << 2 }
    @inlinable public static var transferCompleted: UInt16 { 1 << 3 }
}

/// Flags of a mapping (grant_table.h: GNTMAP_*).
public enum GrantMapFlag {
    @inlinable public static var deviceMap: UInt32 { 1 << 0 }
    @inlinable public static var hostMap: UInt32 { 1 << 1 }
    @inlinable public static var readOnly: UInt32 { 1 << 2 }
    @inlinable public static var applicationMap: UInt32 { 1 << 3 }
    @inlinable public static var containsPTE: UInt32 { 1 << 4 }
    @inlinable public static var guestAvailableMask: UInt32 { 0xFFFF_0000 }
}

/// References that the toolstack fills (grant_table.h: GNTTAB_RESERVED_*).
public enum ReservedGrant {
    /// Xen: GNTTAB_NR_RESERVED_ENTRIES
    @inlinable public static var count: UInt32 { 8 }
    @inlinable public static var console: UInt32 { 0 }
    @inlinable public static var xenstore: UInt32 { 1 }
}

/// grant_table.h: struct grant_entry_v1.
@frozen public struct GrantEntryV1: BitwiseCopyable, Sendable {
    public var flags: UInt16 = 0
    public var domain: UInt16 = 0
    public var frame: UInt32 = 0
    @inlinable public init() {}
}

/// grant_table.h: union grant_entry_v2. Bytes 4 to 7 mean different things in its three forms.
@frozen public struct GrantEntryV2: BitwiseCopyable, Sendable {
    public var flags: UInt16 = 0
    public var domain: UInt16 = 0
    /// Sub-page: first byte. Transitive: the domain that owns the grant.
    public var pageOffsetOrTransitiveDomain: UInt16 = 0
    /// Sub-page: bytes.
    public var length: UInt16 = 0
    /// Full and sub-page: the frame. Transitive: the reference, in the low half.
    public var frame: UInt64 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_map_grant_ref.
@frozen public struct GrantMap: BitwiseCopyable, Sendable {
    public var hostAddress: UInt64 = 0
    public var flags: UInt32 = 0
    public var ref: UInt32 = 0
    public var domain: UInt16 = 0
    public var status: Int16 = 0
    public var handle: UInt32 = 0
    public var deviceAddress: UInt64 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_unmap_grant_ref.
@frozen public struct GrantUnmap: BitwiseCopyable, Sendable {
    public var hostAddress: UInt64 = 0
    public var deviceAddress: UInt64 = 0
    public var handle: UInt32 = 0
    public var status: Int16 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_setup_table.
@frozen public struct GrantSetupTable<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    public var nrFrames: UInt32 = 0
    public var status: Int16 = 0
    @usableFromInline var gap2: UInt16 = 0
    @usableFromInline var gap3 = Caller.paddingToWord
    public var frameList: Caller.Word = .zero
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_dump_table.
@frozen public struct GrantDumpTable: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    public var status: Int16 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_transfer.
@frozen public struct GrantTransfer<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var mfn: Caller.Word = .zero
    public var domain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    public var ref: UInt32 = 0
    public var status: Int16 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_copy_ptr.
@frozen public struct GrantCopyPointer<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// Reference (its low 32 bits) or frame number, by the operation's flags (C: union u).
    public var refOrFrame: Caller.Word = .zero
    public var domain: UInt16 = 0
    /// Byte offset in the page.
    public var offset: UInt16 = 0
    @usableFromInline var padding = Caller.paddingToWord
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_copy.
@frozen public struct GrantCopy<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var source: GrantCopyPointer<Caller> = .init()
    public var destination: GrantCopyPointer<Caller> = .init()
    /// Bytes.
    public var length: UInt16 = 0
    public var flags: UInt16 = 0
    public var status: Int16 = 0
    @inlinable public init() {}

    /// In `flags` (Xen: GNTCOPY_source_gref).
    @inlinable public static var sourceIsGrant: UInt16 { 1 << 0 }
    /// In `flags` (Xen: GNTCOPY_dest_gref).
    @inlinable public static var destinationIsGrant: UInt16 { 1 << 1 }
}

/// grant_table.h: struct gnttab_query_size.
@frozen public struct GrantQuerySize: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    public var nrFrames: UInt32 = 0
    public var maxNrFrames: UInt32 = 0
    public var status: Int16 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_unmap_and_replace.
@frozen public struct GrantUnmapAndReplace: BitwiseCopyable, Sendable {
    public var hostAddress: UInt64 = 0
    public var newAddress: UInt64 = 0
    public var handle: UInt32 = 0
    public var status: Int16 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_set_version.
@frozen public struct GrantSetVersion: BitwiseCopyable, Sendable {
    public var version: UInt32 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_get_status_frames.
@frozen public struct GrantGetStatusFrames<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var nrFrames: UInt32 = 0
    public var domain: UInt16 = 0
    public var status: Int16 = 0
    /// Handle of 64-bit frame numbers, for 32-bit callers too.
    public var frameList: Caller.Word = .zero
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_get_version.
@frozen public struct GrantGetVersion: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    public var pad: UInt16 = 0
    public var version: UInt32 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_swap_grant_ref.
@frozen public struct GrantSwap: BitwiseCopyable, Sendable {
    public var refA: UInt32 = 0
    public var refB: UInt32 = 0
    public var status: Int16 = 0
    @inlinable public init() {}
}

/// grant_table.h: struct gnttab_cache_flush.
@frozen public struct GrantCacheFlush: BitwiseCopyable, Sendable {
    /// Device bus address, or with `sourceIsGrant` the reference in the low half (C: union a).
    public var deviceAddressOrRef: UInt64 = 0
    public var offset: UInt16 = 0
    public var length: UInt16 = 0
    public var operation: UInt32 = 0
    @inlinable public init() {}

    /// Bits of `operation` (Xen: GNTTAB_CACHE_*).
    @inlinable public static var clean: UInt32 { 1 << 0 }
    @inlinable public static var invalidate: UInt32 { 1 << 1 }
    @inlinable public static var sourceIsGrant: UInt32 { 1 << 31 }
}
