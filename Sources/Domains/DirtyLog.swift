// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
public import P2M
import Sync
import Synchronization
public import XenABI

/// A pass over a domain's memory that was stopped for an interrupt.
public struct LoggingPass: BitwiseCopyable, Sendable {
    /// Nil where none was.
    public var operation: ShadowOp?
    /// The frame to go on at.
    public var place: UInt64

    public init(operation: ShadowOp? = nil, place: UInt64 = 0) {
        (self.operation, self.place) = (operation, place)
    }
}

/// Logging of what a domain writes, for a toolstack that copies its memory while it runs. Whoever asks goes over the domain's
/// memory in passes, between which interrupts are let in.
extension Domain {
    public var isLoggingWrites: Bool { p2m.withLock { $0.isLogging } }

    /// Begins to log, with nothing written yet: passes of `protectForLog` follow, from frame 0 on. Throws EINVAL where it is
    /// logged already, ENOMEM.
    ///
    /// Xen: XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY
    public func beginLog() throws(XenError) {
        try p2m.withLock { (table: inout PageTable<P.Format, P.Frames>) throws(XenError) in
            if table.isLogging { throw .einval }
            if !table.beginLog() { throw .enomem }
        }
    }

    /// One pass. Returns where the next begins, or nil after the last. Throws ENOMEM.
    public func protectForLog(from gfn: GFN, _ platform: P) throws(XenError) -> GFN? {
        let cache = platform.cache(of: self)
        let end = GFN(highestGFN.load(ordering: .relaxed) &+ 1)
        return try p2m.withLock { (table: inout PageTable<P.Format, P.Frames>) throws(XenError) -> GFN? in
            let part = table.pass(from: gfn, to: end)
            guard table.protect(part, cache: cache) else { throw .enomem }
            return part.end < end && part.count > 0 ? part.end : nil
        }
    }

    /// One pass of giving rights back and of merging what was split; the last one forgets what was logged. Returns where the
    /// next begins, or nil after the last.
    ///
    /// Xen: XEN_DOMCTL_SHADOW_OP_OFF
    public func endLog(from gfn: GFN, _ platform: P) -> GFN? {
        let cache = platform.cache(of: self)
        let end = GFN(highestGFN.load(ordering: .relaxed) &+ 1)
        return p2m.withLock { table in
            let part = table.pass(from: gfn, to: end)
            // An entry is taken whole, so none is split here, and nothing can be missing.
            _ = table.unprotect(part, cache: cache)
            table.merge(part, cache: cache)
            if part.end < end && part.count > 0 { return part.end }
            table.endLog()
            return nil
        }
    }

    /// What was written of the 4096 frames from `start` on: nothing where nothing is logged. Throws ENOMEM where marks were lost.
    ///
    /// Xen: XEN_DOMCTL_SHADOW_OP_CLEAN, XEN_DOMCTL_SHADOW_OP_PEEK
    public func takeDirty(_ start: GFN, cleaning: Bool, _ platform: P) throws(XenError) -> DirtyBits {
        let cache = platform.cache(of: self)
        return try p2m.withLock { (table: inout PageTable<P.Format, P.Frames>) throws(XenError) -> DirtyBits in
            guard table.lostMarks == 0 else { throw .enomem }
            return table.takeDirty(start, cleaning: cleaning, cache: cache)
        }
    }

    /// What `takeDirty` took counts as written still.
    public func restoreDirty(_ start: GFN, _ bits: DirtyBits) { p2m.withLock { $0.restoreDirty(start, bits) } }

    /// Marks that were made since the last `forgetDirtyMarks`.
    public var dirtyMarks: UInt64 { p2m.withLock { $0.dirtyMarks } }
    public func forgetDirtyMarks() { p2m.withLock { $0.dirtyMarks = 0 } }
}
