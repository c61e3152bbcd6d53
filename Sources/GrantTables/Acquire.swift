// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Machine
import Sync
import Synchronization
public import XenABI

/// How often a grant is in use: a byte each for readers and writers by mapping, and by copy.
struct Pins {
    var rawValue: UInt32
    var isZero: Bool { rawValue == 0 }
    var hasWriters: Bool { rawValue & 0x00FF_00FF != 0 }

    /// One use more of this kind. Nil where there are too many.
    static func one(_ use: GrantUse) -> UInt32 { 1 << ((use.writable ? 0 : 8) + (use.isMapping ? 16 : 0)) }
    func adding(_ use: GrantUse) -> Pins? {
        let one = Self.one(use)
        return rawValue & (one << 7) != 0 ? nil : Pins(rawValue: rawValue &+ one)
    }
    func removing(_ use: GrantUse) -> Pins { Pins(rawValue: rawValue &- Self.one(use)) }
}

/// What a grant is used for.
@frozen public struct GrantUse: BitwiseCopyable, Sendable, Equatable {
    public var writable: Bool
    /// Mapped rather than copied.
    public var isMapping: Bool
    @inlinable public init(writable: Bool, isMapping: Bool) {
        self.writable = writable
        self.isMapping = isMapping
    }
}

/// The memory of the domain that grants.
public protocol GrantedPages {
    /// The machine frame behind RAM of the domain's own, which stays where it is until `give`. Throws `badPage`, or
    /// `eagain` where it is to be asked again.
    func take(_ gfn: GFN, writable: Bool) throws(GrantStatus) -> MFN
    /// Without any lock: the last reference to a dead domain's frame is its end.
    func give(_ frame: MFN)
}

/// Finds the other tables that a transitive grant leads to.
public protocol GrantDirectory<Frames> {
    associatedtype Frames: FrameSource
    associatedtype Pages: GrantedPages
    /// A domain that there is, with its memory.
    func grants(of domain: DomainID) -> (table: Ref<GrantTable<Frames>>, pages: Pages)?
}

/// A part of a frame that may be copied.
public struct GrantedPart: BitwiseCopyable, Sendable, Equatable {
    public let frame: MFN
    /// First byte and number of bytes.
    public let start: UInt16
    public let length: UInt16
}

extension GrantTable {
    /// Runs `body` with a grant's lock, while no change of version is under way. Throws `badGrantRef`.
    @inline(__always)
    func withGrant<R>(
        _ ref: UInt32, _ body: (inout Grant, Ref<ActiveGrant>, EntryPlace) throws(GrantStatus) -> R
    ) throws(GrantStatus) -> R {
        guard let entry = active.element(ref, in: frames) else { throw .badGrantRef }
        let result = try entry.pointee.lock.withLock { (grant: inout Grant) throws(GrantStatus) -> R? in
            if isSwitching.load(ordering: .sequentiallyConsistent) { return nil }
            return try body(&grant, entry, place(of: ref))
        }
        return if let result { result } else { try withSettledGrant(ref, entry, body) }
    }

    /// As above once the change is over; the next one waits for us.
    @inline(never)
    private func withSettledGrant<R>(
        _ ref: UInt32, _ entry: Ref<ActiveGrant>,
        _ body: (inout Grant, Ref<ActiveGrant>, EntryPlace) throws(GrantStatus) -> R
    ) throws(GrantStatus) -> R {
        try administration.withLock { (_: inout Administration) throws(GrantStatus) in
            try entry.pointee.lock.withLock { (grant: inout Grant) throws(GrantStatus) in
                try body(&grant, entry, place(of: ref))
            }
        }
    }

    /// Puts a grant to use for a mapping of `domain`'s. Returns its frame, which stays until `release`. Throws
    /// `badGrantRef`, `generalError` where the entry does not permit it, what `pages` throws.
    ///
    /// Xen: the first half of map_grant_ref
    func acquire(
        _ ref: UInt32, for domain: DomainID, writable: Bool, _ pages: some GrantedPages
    ) throws(GrantStatus) -> MFN {
        let use = GrantUse(writable: writable, isMapping: true)
        var surplus: MFN?
        defer { if let surplus { pages.give(surplus) } }
        return try withGrant(ref) { (grant, entry, place) throws(GrantStatus) in
            let pins = entry.pointee.pins
            guard pins.isZero || grant.domain == domain.rawValue && !grant.isSubPage, let more = pins.adding(use) else {
                throw .generalError
            }
            if pins.isZero || writable && !pins.hasWriters {
                try markUsed(place, by: domain, writable: writable, isPinned: !pins.isZero, forMapping: true)
            }
            if pins.isZero {
                try take(&grant, place, domain, writable, whole: true, pages)
            } else if writable && !pins.hasWriters {
                try askToWrite(grant, place, pins, pages, &surplus)
            }
            entry.pointee.pins = more
            return MFN(grant.frame)
        }
    }

    /// Fills in what an entry grants at its first use. Throws what `pages` throws, with the entry unmarked.
    private func take(
        _ grant: inout Grant, _ place: EntryPlace, _ domain: DomainID, _ writable: Bool, whole: Bool,
        _ pages: some GrantedPages
    ) throws(GrantStatus) {
        let content = content(place, whole: whole)
        do throws(GrantStatus) {
            grant.frame = try pages.take(content.gfn, writable: writable).rawValue
        } catch {
            unmark(place, Pins(rawValue: 0))
            throw error
        }
        grant.domain = domain.rawValue
        grant.start = content.start
        grant.length = content.length
        grant.isSubPage = content.isSubPage
        grant.isTransitive = false
        if content.isSubPage { v2Operations.wrappingAdd(1, ordering: .relaxed) }
    }

    /// The first writer of what has been read until now: the page may be written, and notes that it is. Throws what `pages`
    /// throws, `generalError` where the entry names another page by now; the entry is marked as before then. `surplus` is the caller's to
    /// give back, without the grant's lock.
    private func askToWrite(
        _ grant: borrowing Grant, _ place: EntryPlace, _ pins: Pins, _ pages: some GrantedPages, _ surplus: inout MFN?
    ) throws(GrantStatus) {
        do throws(GrantStatus) {
            let frame = try pages.take(content(place, whole: true).gfn, writable: true)
            // The reference of the first use is enough.
            surplus = frame
            guard frame.rawValue == grant.frame else { throw .generalError }
        } catch {
            unmark(place, pins)
            throw error
        }
    }

    /// What an entry names, read once.
    private func content(
        _ place: EntryPlace, whole: Bool
    ) -> (gfn: GFN, start: UInt16, length: UInt16, isSubPage: Bool) {
        if place.version == 1 {
            let frame = frames.atomic(UInt32.self, at: place.entry + 4).pointee.load(ordering: .relaxed)
            return (GFN(UInt64(frame)), 0, 4096, false)
        }
        let gfn = GFN(frames.atomic(UInt64.self, at: place.entry + 8).pointee.load(ordering: .relaxed))
        guard !whole && header(place).flags & GrantFlag.subPage != 0 else { return (gfn, 0, 4096, false) }
        let part = frames.atomic(UInt32.self, at: place.entry + 4).pointee.load(ordering: .relaxed)
        return (gfn, UInt16(truncatingIfNeeded: part), UInt16(truncatingIfNeeded: part >> 16), true)
    }

    /// Ends one use. With the last one, the frame goes back to its owner.
    func release(_ ref: UInt32, _ use: GrantUse, _ pages: some GrantedPages) {
        // What is in use has a place: the first eight references do in both versions, and others keep the version.
        var last: MFN?
        try? withGrant(ref) { (grant, entry, place) throws(GrantStatus) in
            let pins = entry.pointee.pins.removing(use)
            entry.pointee.pins = pins
            unmark(place, pins)
            guard pins.isZero else { return }
            if grant.isSubPage { v2Operations.wrappingSubtract(1, ordering: .relaxed) }
            if !grant.isTransitive { last = MFN(grant.frame) }
        }
        if let last { pages.give(last) }
    }

    /// The frame of a grant that is in use.
    func frame(inUse ref: UInt32) -> MFN? {
        guard let entry = active.element(ref, in: frames) else { return nil }
        return entry.pointee.lock.withLock { entry.pointee.pins.isZero ? nil : MFN($0.frame) }
    }

    // MARK: Copying

    /// Puts a grant to use for a copy by `domain`. Throws as `acquire`; `eagain` where a transitive grant has changed
    /// meanwhile.
    ///
    /// Xen: acquire_grant_for_copy
    func acquireForCopy<Directory: GrantDirectory>(
        _ ref: UInt32, by domain: DomainID, writable: Bool, _ pages: some GrantedPages, _ directory: Directory,
        allowTransitive: Bool = true
    ) throws(GrantStatus) -> GrantedPart where Directory.Frames == Frames {
        // A version that changes meanwhile is noticed below.
        if version == 2, try isTransitive(ref) {
            guard allowTransitive else { throw .generalError }
            return try acquireTransitive(ref, by: domain, writable, directory)
        }
        let use = GrantUse(writable: writable, isMapping: false)
        var surplus: MFN?
        defer { if let surplus { pages.give(surplus) } }
        return try withGrant(ref) { (grant, entry, place) throws(GrantStatus) in
            let pins = entry.pointee.pins
            guard pins.isZero || grant.domain == domain.rawValue, let more = pins.adding(use) else {
                throw .generalError
            }
            if pins.isZero || writable && !pins.hasWriters {
                try markUsed(place, by: domain, writable: writable, isPinned: !pins.isZero, forMapping: false)
            }
            if pins.isZero {
                if header(place).type == GrantFlag.transitive {
                    unmark(place, pins)
                    throw .eagain
                }
                try take(&grant, place, domain, writable, whole: false, pages)
            } else if grant.isTransitive {
                unmark(place, pins)
                throw .generalError
            } else if writable && !pins.hasWriters {
                try askToWrite(grant, place, pins, pages, &surplus)
            }
            entry.pointee.pins = more
            return GrantedPart(frame: MFN(grant.frame), start: grant.start, length: grant.length)
        }
    }

    private func isTransitive(_ ref: UInt32) throws(GrantStatus) -> Bool {
        try withGrant(ref) { (grant, entry, place) throws(GrantStatus) in
            place.version == 2 && header(place).type == GrantFlag.transitive
        }
    }

    /// As above for a grant that passes another domain's grant on. One step only: what it leads to is not transitive.
    private func acquireTransitive<Directory: GrantDirectory>(
        _ ref: UInt32, by domain: DomainID, _ writable: Bool, _ directory: Directory
    ) throws(GrantStatus) -> GrantedPart where Directory.Frames == Frames {
        let use = GrantUse(writable: writable, isMapping: false)
        // No two grants are locked at a time, so the far one is acquired in between.
        let (before, sourceDomain, sourceRef) = try withGrant(ref) { (grant, entry, place) throws(GrantStatus) in
            let pins = entry.pointee.pins
            guard pins.isZero || grant.domain == domain.rawValue else { throw .generalError }
            if pins.isZero || writable && !pins.hasWriters {
                try markUsed(place, by: domain, writable: writable, isPinned: !pins.isZero, forMapping: false)
            }
            let first = frames.atomic(UInt32.self, at: place.entry + 4).pointee.load(ordering: .relaxed)
            let source = frames.atomic(UInt32.self, at: place.entry + 8).pointee.load(ordering: .relaxed)
            return (pins, DomainID(UInt16(truncatingIfNeeded: first)), source)
        }
        do throws(GrantStatus) {
            guard sourceDomain != self.domain, let far = directory.grants(of: sourceDomain) else {
                throw .generalError
            }
            let part = try far.table.pointee.acquireForCopy(
                sourceRef, by: self.domain, writable: writable, far.pages, directory, allowTransitive: false)
            do throws(GrantStatus) {
                return try commitTransitive(ref, by: domain, use, before, part, sourceDomain, sourceRef)
            } catch {
                far.table.pointee.release(sourceRef, use, far.pages)
                throw error
            }
        } catch {
            _ = try? withGrant(ref) { (_, entry, place) throws(GrantStatus) in unmark(place, entry.pointee.pins) }
            throw error
        }
    }

    /// Second half, unless anybody has begun or ended a use in between.
    private func commitTransitive(
        _ ref: UInt32, by domain: DomainID, _ use: GrantUse, _ before: Pins, _ part: GrantedPart, _ source: DomainID,
        _ sourceRef: UInt32
    ) throws(GrantStatus) -> GrantedPart {
        try withGrant(ref) { (grant, entry, place) throws(GrantStatus) in
            let pins = entry.pointee.pins
            guard place.version == 2, pins.rawValue == before.rawValue, let more = pins.adding(use) else { throw .eagain }
            if pins.isZero {
                // Treated as a part of a page, because that keeps it from being mapped.
                grant = Grant(
                    frame: part.frame.rawValue, domain: domain.rawValue, sourceDomain: source.rawValue,
                    start: part.start, length: part.length, sourceRef: sourceRef, isSubPage: true, isTransitive: true)
                v2Operations.wrappingAdd(1, ordering: .relaxed)
            } else {
                let same =
                    grant.isTransitive && grant.domain == domain.rawValue && grant.frame == part.frame.rawValue
                    && grant.start == part.start && grant.length == part.length
                    && grant.sourceDomain == source.rawValue && grant.sourceRef == sourceRef
                guard same else { throw .eagain }
            }
            entry.pointee.pins = more
            return part
        }
    }

    /// Ends a use by copy.
    ///
    /// Xen: release_grant_for_copy
    func releaseForCopy<Directory: GrantDirectory>(
        _ ref: UInt32, writable: Bool, _ pages: some GrantedPages, _ directory: Directory
    ) where Directory.Frames == Frames {
        let use = GrantUse(writable: writable, isMapping: false)
        guard let entry = active.element(ref, in: frames) else { return }
        let source = entry.pointee.lock.withLock { $0.isTransitive ? (DomainID($0.sourceDomain), $0.sourceRef) : nil }
        release(ref, use, pages)
        if let (domain, far) = source, let other = directory.grants(of: domain) {
            other.table.pointee.release(far, use, other.pages)
        }
    }
}
