// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import XenABI

@testable import GrantTables

/// A domain with RAM, a grant table, and a page table that is a dictionary.
final class GrantDomain: GrantedPages, GrantMapper, @unchecked Sendable {
    let id: DomainID
    let world: GrantWorld
    private var box: FrameBox<Grants>?
    let sharing: Sharing
    let ref: Ref<Grants>
    /// Guest frame n of its RAM.
    var ram: [MFN] = []
    /// References that grants hold.
    private(set) var held: [MFN: Int] = [:]
    /// What it maps of others.
    private(set) var mapped: [UInt64: (frame: MFN, writable: Bool)] = [:]
    private(set) var flushes = 0
    var failMapAfter: Int?
    /// Guest frames that may not be written.
    var readOnly: Set<UInt64> = []

    init(_ id: UInt16, _ world: GrantWorld, frames: UInt32 = 4, maptrack: UInt32 = 4, version: UInt32 = 2) throws {
        self.id = DomainID(id)
        self.world = world
        sharing = Sharing(world.machine.source)
        let new = try Grants.create(
            domain: self.id, frames: world.machine.source, maximumFrames: frames, maximumMaptrackFrames: maptrack,
            maximumVersion: version, sharing)
        ref = new.ref
        box = consume new
        for _ in 0..<8 {
            let frame = world.machine.source.allocate()!
            world.machine.source.store(UInt64(id) << 32 | UInt64(ram.count), at: frame.address)
            ram.append(frame)
        }
    }

    func destroy() {
        var taken: FrameBox<Grants>?
        Swift.swap(&taken, &box)
        if let taken { Grants.destroy(taken, sharing) }
        for frame in ram { world.machine.source.free(frame) }
    }

    var references: Int { held.values.reduce(0, +) }

    func take(_ gfn: GFN, writable: Bool) throws(GrantStatus) -> MFN {
        guard gfn.rawValue < UInt64(ram.count), !writable || !readOnly.contains(gfn.rawValue) else { throw .badPage }
        held[ram[Int(gfn.rawValue)], default: 0] += 1
        return ram[Int(gfn.rawValue)]
    }

    func give(_ frame: MFN) {
        precondition(held[frame, default: 0] > 0, "given back too often")
        held[frame]! -= 1
    }

    func map(_ frame: MFN, at gfn: GFN, writable: Bool) throws(GrantStatus) {
        if let left = failMapAfter {
            if left == 0 { throw .generalError }
            failMapAfter = left - 1
        }
        mapped[gfn.rawValue] = (frame, writable)
    }

    /// Asks nothing: that the right thing goes is the table's to know.
    func unmap(_ frame: MFN, from gfn: GFN) throws(GrantStatus) { mapped[gfn.rawValue] = nil }

    func flush(_ places: borrowing Span<GFN>) { flushes += 1 }

    // MARK: What the guest does

    var version: UInt32 { ref.pointee.version }

    private func entryAddress(_ index: UInt32) -> MachineAddress { try! ref.pointee.place(of: index).entry }

    func grant(_ index: UInt32, to domain: UInt16, gfn: UInt64, flags: UInt16 = 0) {
        let memory = world.machine.source
        if version == 1 {
            var entry = GrantEntryV1()
            entry.flags = GrantFlag.permitAccess | flags
            entry.domain = domain
            entry.frame = UInt32(gfn)
            memory.store(entry, at: entryAddress(index))
        } else {
            var entry = GrantEntryV2()
            entry.flags = GrantFlag.permitAccess | flags
            entry.domain = domain
            entry.frame = gfn
            memory.store(entry, at: entryAddress(index))
        }
    }

    func grantPart(_ index: UInt32, to domain: UInt16, gfn: UInt64, start: UInt16, length: UInt16) {
        var entry = GrantEntryV2()
        entry.flags = GrantFlag.permitAccess | GrantFlag.subPage
        entry.domain = domain
        entry.pageOffsetOrTransitiveDomain = start
        entry.length = length
        entry.frame = gfn
        world.machine.source.store(entry, at: entryAddress(index))
    }

    func pass(_ index: UInt32, to domain: UInt16, from source: UInt16, _ sourceRef: UInt32) {
        var entry = GrantEntryV2()
        entry.flags = GrantFlag.transitive
        entry.domain = domain
        entry.pageOffsetOrTransitiveDomain = source
        entry.frame = UInt64(sourceRef)
        world.machine.source.store(entry, at: entryAddress(index))
    }

    /// The marks of use.
    func marks(_ index: UInt32) -> UInt16 {
        let status = try! ref.pointee.place(of: index).status
        return world.machine.source.load(UInt16.self, at: status) & (GrantFlag.reading | GrantFlag.writing)
    }

    /// As a guest ends access: false where the grant is in use.
    func revoke(_ index: UInt32) -> Bool {
        if marks(index) != 0 { return false }
        world.machine.source.store(UInt16(0), at: entryAddress(index))
        return true
    }

    // MARK: Operations

    func map(_ index: UInt32, of granter: GrantDomain, at gfn: UInt64, flags: UInt32 = GrantMapFlag.hostMap) throws -> UInt32 {
        var operation = GrantMap()
        operation.ref = index
        operation.domain = granter.id.rawValue
        operation.hostAddress = gfn << 12
        operation.flags = flags
        try ref.pointee.map(&operation, of: granter.ref, granter, self)
        return operation.handle
    }

    func unmap(_ handle: UInt32, of granter: GrantDomain, at gfn: UInt64, replacement: UInt64 = 0) throws -> Bool {
        let unmapped = try ref.pointee.unmap(
            handle: handle, hostAddress: gfn << 12, replacement: replacement, of: granter.ref, self)
        guard let unmapped else { return false }
        flush(CollectionOfOne(unmapped.place).span)
        granter.ref.pointee.complete(unmapped, granter)
        return true
    }

    func setVersion(_ version: UInt32) throws { try ref.pointee.setVersion(version, sharing) }
    func swap(_ a: UInt32, _ b: UInt32) throws { try ref.pointee.swap(a, b) }

    /// A side of a copy.
    func side(ref: UInt32, offset: UInt16 = 0) -> GrantCopyPointer<Caller64> {
        var pointer = GrantCopyPointer<Caller64>()
        pointer.refOrFrame = UInt64(ref)
        pointer.domain = id.rawValue
        pointer.offset = offset
        return pointer
    }
}

/// The domains that there are.
final class GrantWorld: GrantDirectory {
    let machine = FakeMachine(frames: 2048)
    private(set) var domains: [UInt16: GrantDomain] = [:]

    func add(_ id: UInt16, frames: UInt32 = 4, maptrack: UInt32 = 4, version: UInt32 = 2) throws -> GrantDomain {
        let domain = try GrantDomain(id, self, frames: frames, maptrack: maptrack, version: version)
        domains[id] = domain
        return domain
    }

    func grants(of domain: DomainID) -> (table: Ref<Grants>, pages: GrantDomain)? {
        domains[domain.rawValue].map { ($0.ref, $0) }
    }

    func remove(_ id: UInt16) { domains[id] = nil }

    func destroy() {
        for domain in domains.values { domain.destroy() }
        domains = [:]
    }

    /// One copy by `caller`.
    func copy(
        by caller: GrantDomain, from source: GrantCopyPointer<Caller64>, to destination: GrantCopyPointer<Caller64>,
        _ length: UInt16, sourceIsGrant: Bool = true, destinationIsGrant: Bool = false
    ) throws {
        var operation = GrantCopy<Caller64>()
        operation.source = source
        operation.destination = destination
        operation.length = length
        operation.flags =
            (sourceIsGrant ? GrantCopy<Caller64>.sourceIsGrant : 0)
            | (destinationIsGrant ? GrantCopy<Caller64>.destinationIsGrant : 0)
        var copier = GrantCopier(caller.id, self)
        defer { copier.finish() }
        try copier.copy(operation)
    }
}

extension GrantDomain {
    /// One of its own frames as a side of a copy.
    func own(_ gfn: UInt64, offset: UInt16 = 0) -> GrantCopyPointer<Caller64> {
        var pointer = GrantCopyPointer<Caller64>()
        pointer.refOrFrame = gfn
        pointer.domain = ReservedDomain.caller
        pointer.offset = offset
        return pointer
    }

    func word(_ gfn: UInt64, _ offset: UInt64 = 0) -> UInt64 {
        world.machine.source.load(at: ram[Int(gfn)].address + offset)
    }
}
