// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization
import XenABI

/// Where a grant's words are in the guest's memory.
struct EntryPlace {
    let version: UInt32
    /// The entry.
    let entry: MachineAddress
    /// The 16-bit word in which we say that the grant is in use: the entry's flags, or with version 2 its status word.
    let status: MachineAddress
}

/// The first word of an entry: flags and domain, which are read and changed together.
struct EntryHeader {
    var rawValue: UInt32
    var flags: UInt16 { UInt16(truncatingIfNeeded: rawValue) }
    var domain: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 16) }
    var type: UInt16 { flags & GrantFlag.typeMask }
}

// Words that the guest writes at the same time. Each is read once; each change makes a bounded number of attempts.
extension GrantTable {
    /// Throws `badGrantRef` for a reference that there is not.
    @inline(__always) func place(of ref: UInt32) throws(GrantStatus) -> EntryPlace {
        let version = self.version
        let shift: UInt32 = version == 1 ? 9 : 8
        guard ref >> shift < frameCount, let start = address(shared, ref >> shift) else { throw .badGrantRef }
        if version == 1 {
            let entry = start + UInt64(ref & 511) * 8
            return EntryPlace(version: 1, entry: entry, status: entry)
        }
        guard ref >> 11 < statusFrameCount, let words = address(status, ref >> 11) else { throw .badGrantRef }
        return EntryPlace(
            version: 2, entry: start + UInt64(ref & 255) * 16, status: words + UInt64(ref & 2047) * 2)
    }

    @inline(__always) func header(_ place: EntryPlace) -> EntryHeader {
        EntryHeader(
            rawValue: frames.atomic(UInt32.self, at: place.entry).pointee.load(ordering: .sequentiallyConsistent))
    }

    /// Marks the grant as read, or as read and written. It is checked unless `isPinned`: who is in use already keeps what
    /// it had. Throws `generalError` where the entry does not say so, or does not rest.
    ///
    /// Xen: _set_status
    @inline(__always) func markUsed(
        _ place: EntryPlace, by domain: DomainID, writable: Bool, isPinned: Bool, forMapping: Bool
    ) throws(GrantStatus) {
        if place.version == 1 {
            try markUsedInEntry(place, by: domain, writable, isPinned, forMapping)
        } else {
            try markUsedInStatus(place, by: domain, writable, isPinned, forMapping)
        }
    }

    /// Whether an entry lets `domain` use it. A transitive grant can be copied, not mapped; a part of a page likewise.
    private func permits(_ header: EntryHeader, _ domain: DomainID, version: UInt32, forMapping: Bool) -> Bool {
        guard header.domain == domain.rawValue else { return false }
        if forMapping && header.flags & GrantFlag.subPage != 0 { return false }
        return header.type == GrantFlag.permitAccess
            || version == 2 && !forMapping && header.type == GrantFlag.transitive
    }

    /// Version 1: flags and the marks are one word, so that a check and a mark are one step.
    private func markUsedInEntry(
        _ place: EntryPlace, by domain: DomainID, _ writable: Bool, _ isPinned: Bool, _ forMapping: Bool
    ) throws(GrantStatus) {
        let word = frames.atomic(UInt32.self, at: place.entry)
        let marks = writable ? GrantFlag.reading | GrantFlag.writing : GrantFlag.reading
        var header = EntryHeader(rawValue: word.pointee.load(ordering: .relaxed))
        var changes = 0
        // An attempt that fails though nothing has changed is no change; of those, too, there is an end (XSA-295).
        for _ in 0..<guestAttempts where changes < 5 {
            guard isPinned || permits(header, domain, version: 1, forMapping: forMapping) else { throw .generalError }
            if writable && header.flags & GrantFlag.readOnly != 0 { throw .generalError }
            let (done, now) = word.pointee.weakCompareExchange(
                expected: header.rawValue, desired: header.rawValue | UInt32(marks), ordering: .sequentiallyConsistent)
            if done { return }
            if now != header.rawValue { changes += 1 }
            header.rawValue = now
        }
        throw .generalError
    }

    /// Version 2: the guest revokes a grant by changing its flags and then looking at the status, so we change the status
    /// and then look at the flags.
    private func markUsedInStatus(
        _ place: EntryPlace, by domain: DomainID, _ writable: Bool, _ isPinned: Bool, _ forMapping: Bool
    ) throws(GrantStatus) {
        let first = header(place)
        guard isPinned || permits(first, domain, version: 2, forMapping: forMapping) else { throw .generalError }
        if writable && first.flags & GrantFlag.readOnly != 0 { throw .generalError }
        let marks = writable ? GrantFlag.reading | GrantFlag.writing : GrantFlag.reading
        let word = frames.atomic(UInt16.self, at: place.status)
        guard word.pointee.update({ $0 | marks }) != nil else { throw .generalError }
        let second = header(place)
        let writes = writable && second.flags & GrantFlag.readOnly != 0
        if isPinned {
            guard writes else { return }
            _ = word.pointee.update { $0 & ~GrantFlag.writing }
            throw .generalError
        }
        if permits(second, domain, version: 2, forMapping: forMapping) && !writes { return }
        _ = word.pointee.update { $0 & ~(GrantFlag.reading | GrantFlag.writing) }
        throw .generalError
    }

    /// Takes away the marks that `pins` does not need. A guest that keeps this from working cannot reuse its own entry.
    ///
    /// Xen: reduce_status_for_pin
    @inline(__always) func unmark(_ place: EntryPlace, _ pins: Pins) {
        var marks: UInt16 = 0
        if pins.isZero { marks |= GrantFlag.reading }
        if !pins.hasWriters { marks |= GrantFlag.writing }
        if marks != 0 { _ = frames.atomic(UInt16.self, at: place.status).pointee.update { $0 & ~marks } }
    }
}
