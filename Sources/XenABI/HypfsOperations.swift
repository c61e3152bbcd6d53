// SPDX-License-Identifier: Apache-2.0

/// Operations of hypfs_op (hypfs.h: XEN_HYPFS_OP_*).
@frozen public enum HypfsOp: UInt32, Sendable {
    case getVersion = 0
    case read = 1
    case writeContents = 2
}

/// `HypfsDirectoryEntry.type` (hypfs.h: XEN_HYPFS_TYPE_*).
@frozen public enum HypfsType: UInt8, Sendable {
    case directory = 0
    case blob = 1
    case string = 2
    case unsigned = 3
    case signed = 4
    case boolean = 5
}

/// `HypfsDirectoryEntry.encoding` (hypfs.h: XEN_HYPFS_ENC_*).
@frozen public enum HypfsEncoding: UInt8, Sendable {
    case plain = 0
    case gzip = 1
}

/// hypfs.h: single constants.
public enum HypfsLimit {
    /// The highest version of the interface.
    @inlinable public static var version: UInt32 { 1 }
    /// Bytes, with the zero.
    @inlinable public static var pathLength: UInt32 { 1024 }
}

/// hypfs.h: struct xen_hypfs_direntry.
@frozen public struct HypfsDirectoryEntry: BitwiseCopyable, Sendable {
    /// A `HypfsType`.
    public var type: UInt8 = 0
    /// A `HypfsEncoding`.
    public var encoding: UInt8 = 0
    public var pad: UInt16 = 0
    /// Bytes.
    public var contentLen: UInt32 = 0
    /// Bytes; 0 where it is read-only.
    public var maxWriteLen: UInt32 = 0
    @inlinable public init() {}
}

/// hypfs.h: struct xen_hypfs_dirlistentry.
/// Its name, ended by a zero, follows.
@frozen public struct HypfsListedEntry: BitwiseCopyable, Sendable {
    public var entry = HypfsDirectoryEntry()
    /// Bytes to the next one, or 0.
    public var next: UInt16 = 0
    @inlinable public init() {}
}
