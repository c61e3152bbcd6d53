// SPDX-License-Identifier: Apache-2.0

/// What a shadow_op does (domctl.h: XEN_DOMCTL_SHADOW_OP_*).
@frozen public enum ShadowOp: UInt32, Sendable {
    case off = 0
    case enable = 32
    case enableLogDirty = 2
    case clean = 11
    case peek = 12
    case getAllocation = 30
    case setAllocation = 31
}

/// domctl.h: struct xen_domctl_shadow_op.
@frozen public struct DomctlShadowOp: BitwiseCopyable, Sendable {
    /// A `ShadowOp`.
    public var operation: UInt32 = 0
    /// What `enable` enables; for `clean` and `peek` whether this is the last time.
    public var mode: UInt32 = 0
    /// Of the pool for page tables, MiB.
    public var mebibytes: UInt32 = 0
    public var pad: UInt32 = 0
    /// A handle of bytes, a bit for each frame; 0 for none.
    public var bitmap: UInt64 = 0
    /// Frames that the bitmap has room for.
    public var pages: UInt64 = 0
    /// Since the last `clean`.
    public var faultCount: UInt32 = 0
    public var dirtyCount: UInt32 = 0
    @inlinable public init() {}

    /// In `mode` of `enable` (Xen: XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY).
    @inlinable public static var enableLogDirty: UInt32 { 1 << 2 }
    /// In `mode` of `clean` and `peek` (Xen: XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL).
    @inlinable public static var final: UInt32 { 1 << 0 }
}
