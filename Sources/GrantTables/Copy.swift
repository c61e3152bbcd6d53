// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
public import XenABI

/// Copies between grants and the caller's own frames. What two operations in a row have in common stays acquired, so
/// that a batch over one page acquires it once; `finish` must follow the last.
public struct GrantCopier<Directory: GrantDirectory> {
    /// One side of a copy.
    struct Side {
        var domain: UInt16 = ReservedDomain.invalid
        /// Reference or frame number.
        var name: UInt64 = 0
        var isGrant = false
        var isAcquired = false
        var part = GrantedPart(frame: .invalid, start: 0, length: 0)
    }

    /// Who copies.
    let caller: DomainID
    let directory: Directory
    var source = Side()
    var destination = Side()

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
            try acquire(&source, operation.source, operation.flags & GrantCopy<Caller>.sourceIsGrant != 0, writable: false)
            try acquire(
                &destination, operation.destination, operation.flags & GrantCopy<Caller>.destinationIsGrant != 0,
                writable: true)
            try check(operation.source.offset, operation.length, source.part)
            try check(operation.destination.offset, operation.length, destination.part)
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
        release(&source, writable: false)
        release(&destination, writable: true)
    }

    private func check(_ offset: UInt16, _ length: UInt16, _ part: GrantedPart) throws(GrantStatus) {
        let end = UInt32(offset) + UInt32(length)
        guard end <= UInt32(pageSize) else { throw .badCopyArgument }
        guard offset >= part.start && end <= UInt32(part.start) + UInt32(part.length) else { throw .generalError }
    }

    private func acquire<Caller: CallerABI>(
        _ side: inout Side, _ pointer: GrantCopyPointer<Caller>, _ isGrant: Bool, writable: Bool
    ) throws(GrantStatus) {
        let name = isGrant ? pointer.refOrFrame.wide & 0xFFFF_FFFF : pointer.refOrFrame.wide
        if side.isAcquired && side.domain == pointer.domain && side.isGrant == isGrant && side.name == name { return }
        release(&side, writable: writable)
        let isCaller = pointer.domain == ReservedDomain.caller
        guard let owner = directory.grants(of: isCaller ? caller : DomainID(pointer.domain)) else { throw .badDomain }
        guard isGrant || isCaller else { throw .permissionDenied }
        if isGrant {
            side.part = try owner.table.pointee.acquireForCopy(
                UInt32(truncatingIfNeeded: name), by: caller, writable: writable, owner.pages, directory)
        } else {
            side.part = GrantedPart(frame: try owner.pages.take(GFN(name), writable: writable), start: 0, length: 4096)
        }
        side.domain = pointer.domain
        side.name = name
        side.isGrant = isGrant
        side.isAcquired = true
    }

    private func release(_ side: inout Side, writable: Bool) {
        guard side.isAcquired else { return }
        side.isAcquired = false
        let isCaller = side.domain == ReservedDomain.caller
        guard let owner = directory.grants(of: isCaller ? caller : DomainID(side.domain)) else { return }
        if side.isGrant {
            owner.table.pointee.releaseForCopy(
                UInt32(truncatingIfNeeded: side.name), writable: writable, owner.pages, directory)
        } else {
            owner.pages.give(side.part.frame)
        }
    }
}
