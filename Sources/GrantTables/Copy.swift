// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
public import XenABI

/// One side of a copy: what it is, and whether it is held.
struct GrantCopySide {
    private var domain: UInt16 = ReservedDomain.invalid
    /// Reference or frame number.
    private var name: UInt64 = 0
    private var isGrant = false
    private var isAcquired = false
    private(set) var part = GrantedPart(frame: .invalid, start: 0, length: 0)

    /// Throws `badCopyArgument` beyond the page, `generalError` beyond what is granted.
    func check(_ offset: UInt16, _ length: UInt16) throws(GrantStatus) {
        let end = UInt32(offset) + UInt32(length)
        guard end <= UInt32(pageSize) else { throw .badCopyArgument }
        guard offset >= part.start && end <= UInt32(part.start) + UInt32(part.length) else { throw .generalError }
    }

    /// Holds what `pointer` names, unless it is held already.
    mutating func acquire<Caller: CallerABI>(
        _ pointer: GrantCopyPointer<Caller>, isGrant: Bool, writable: Bool, by caller: DomainID,
        _ directory: some GrantDirectory
    ) throws(GrantStatus) {
        let name = isGrant ? pointer.refOrFrame.wide & 0xFFFF_FFFF : pointer.refOrFrame.wide
        if isAcquired && domain == pointer.domain && self.isGrant == isGrant && self.name == name { return }
        release(writable: writable, by: caller, directory)
        let isCaller = pointer.domain == ReservedDomain.caller
        guard let owner = directory.grants(of: isCaller ? caller : DomainID(pointer.domain)) else { throw .badDomain }
        guard isGrant || isCaller else { throw .permissionDenied }
        if isGrant {
            part = try owner.table.pointee.acquireForCopy(
                UInt32(truncatingIfNeeded: name), by: caller, writable: writable, owner.pages, directory)
        } else {
            part = GrantedPart(frame: try owner.pages.take(GFN(name), writable: writable), start: 0, length: 4096)
        }
        domain = pointer.domain
        self.name = name
        self.isGrant = isGrant
        isAcquired = true
    }

    /// Gives back what is held.
    mutating func release(writable: Bool, by caller: DomainID, _ directory: some GrantDirectory) {
        guard isAcquired else { return }
        isAcquired = false
        let isCaller = domain == ReservedDomain.caller
        guard let owner = directory.grants(of: isCaller ? caller : DomainID(domain)) else { return }
        if isGrant {
            owner.table.pointee.releaseForCopy(
                UInt32(truncatingIfNeeded: name), writable: writable, owner.pages, directory)
        } else {
            owner.pages.give(part.frame)
        }
    }
}

/// Copies between grants and the caller's own frames. What two operations in a row have in common stays acquired, so
/// that a batch over one page acquires it once; `finish` must follow the last.
public struct GrantCopier<Directory: GrantDirectory> {
    /// Who copies.
    let caller: DomainID
    let directory: Directory
    private var source = GrantCopySide()
    private var destination = GrantCopySide()

    public init(_ caller: DomainID, _ directory: Directory) {
        self.caller = caller
        self.directory = directory
    }

    /// Throws `badDomain`, `permissionDenied` for another domain's frame without a grant, `badCopyArgument` beyond the
    /// page, `generalError` beyond what is granted, and what acquiring the grants throws.
    ///
    /// Xen: GNTTABOP_copy
    public mutating func copy<Caller: CallerABI>(_ operation: GrantCopy<Caller>) throws(GrantStatus) {
        do throws(GrantStatus) {
            let isGrant = operation.flags & GrantCopy<Caller>.sourceIsGrant != 0
            let isToGrant = operation.flags & GrantCopy<Caller>.destinationIsGrant != 0
            try source.acquire(operation.source, isGrant: isGrant, writable: false, by: caller, directory)
            try destination.acquire(operation.destination, isGrant: isToGrant, writable: true, by: caller, directory)
            try source.check(operation.source.offset, operation.length)
            try destination.check(operation.destination.offset, operation.length)
        } catch {
            finish()
            throw error
        }
        guard let frames = directory.grants(of: caller)?.table.pointee.frames else { throw .badDomain }
        frames.copy(
            from: source.part.frame.address + UInt64(operation.source.offset),
            to: destination.part.frame.address + UInt64(operation.destination.offset), count: UInt64(operation.length))
    }

    /// Gives back what is acquired.
    public mutating func finish() {
        source.release(writable: false, by: caller, directory)
        destination.release(writable: true, by: caller, directory)
    }
}
