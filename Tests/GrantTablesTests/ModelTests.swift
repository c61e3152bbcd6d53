// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import Testing
import XenABI

@testable import GrantTables

/// Random operations of three domains on each other's grants, against dictionaries.
@Suite struct ModelTests {
    @Test(arguments: 0..<4) func agreesWithAModel(run: Int) {
        let found = Randomised.disagreement("grants", steps: 20_000, seed: Randomised.seed(run: run)) {
            try Session(seed: $0)
        }
        if let found { Issue.record("\(found)") }
    }
}

/// What a guest has written into an entry.
private struct Offer: Equatable {
    var domain: UInt16
    var gfn: UInt64
    var isReadOnly = false
    /// Bytes that may be copied; nil for all of the page.
    var part: Range<UInt32>?
}

/// How a grant is in use.
private struct Use {
    /// As it was when the first use began.
    var offer: Offer
    var readers = 0
    var writers = 0
    var isInUse: Bool { readers + writers > 0 }
}

/// One domain, kept in dictionaries.
private struct Model {
    var version: UInt32 = 1
    var frames: UInt32 = 1
    var offers: [UInt32: Offer] = [:]
    var uses: [UInt32: Use] = [:]
    /// What it maps of others, by handle.
    var handles: [UInt32: Mapping] = [:]
    var entries: UInt32 { frames * (version == 1 ? 512 : 256) }
}

private struct Mapping {
    let granter: Int
    let ref: UInt32
    let gfn: UInt64
    let isReadOnly: Bool
}

private struct Session: ModelSession {
    var random = SplitMix(state: 0)
    let world = GrantWorld()
    let domains: [GrantDomain]
    var models = [Model](repeating: Model(), count: 3)
    var nextPlace: UInt64 = 100
    static let maximumFrames: UInt32 = 4
    static let maximumHandles = 2 * 256

    init(seed: UInt64) throws {
        let world = self.world
        domains = try (0..<3).map { try world.add(UInt16($0), frames: Self.maximumFrames, maptrack: 2) }
    }

    mutating func pick() -> Int { Int.random(in: 0..<3, using: &random) }
    mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    /// Mostly one that is offered, sometimes any.
    mutating func reference(_ g: Int) -> UInt32 {
        if chance(20) { return UInt32.random(in: 0 ... .max, using: &random) }
        if chance(4) { return UInt32.random(in: 0..<40, using: &random) }
        return models[g].offers.keys.sorted().randomElement(using: &random) ?? 8
    }

    mutating func step() throws {
        switch Int.random(in: 0..<32, using: &random) {
        case 0...6: try offer(pick())
        case 7...9: try revoke(pick())
        case 10...16: try map(pick(), pick())
        case 17...22: try unmap(pick())
        case 23...27: try copy(pick(), pick())
        case 28: try swap(pick())
        case 29: try grow(pick())
        case 30: try changeVersion(pick())
        default: try look(pick())
        }
    }

    // MARK: What guests write

    /// A guest fills in an entry that is not in use.
    mutating func offer(_ g: Int) throws {
        let ref = UInt32.random(in: 0..<40, using: &random)
        guard models[g].uses[ref]?.isInUse != true else { return }
        var offer = Offer(domain: UInt16(pick()), gfn: UInt64.random(in: 0..<9, using: &random))
        offer.isReadOnly = chance(3)
        let flags = offer.isReadOnly ? GrantFlag.readOnly : 0
        if models[g].version == 2 && ref >= ReservedGrant.count && chance(4) {
            let start = UInt16.random(in: 0...4096, using: &random)
            let length = UInt16.random(in: 0...(4096 - start), using: &random)
            offer.part = UInt32(start)..<UInt32(start) + UInt32(length)
            offer.isReadOnly = false
            domains[g].grantPart(ref, to: offer.domain, gfn: offer.gfn, start: start, length: length)
        } else {
            domains[g].grant(ref, to: offer.domain, gfn: offer.gfn, flags: flags)
        }
        models[g].offers[ref] = offer
    }

    /// A guest ends access, if the marks say that it may.
    mutating func revoke(_ g: Int) throws {
        let ref = reference(g)
        guard models[g].offers[ref] != nil else { return }
        let isInUse = models[g].uses[ref]?.isInUse == true
        try expect(domains[g].revoke(ref) == !isInUse, "d\(g) ref \(ref): marks \(domains[g].marks(ref))")
        if !isInUse { models[g].offers[ref] = nil }
    }

    // MARK: Mapping

    /// What using a grant comes to.
    func expected(_ g: Int, _ ref: UInt32, by d: Int, writable: Bool, forMapping: Bool) -> GrantStatus? {
        let model = models[g]
        guard ref < model.entries else { return .badGrantRef }
        if let use = model.uses[ref], use.isInUse {
            guard use.offer.domain == UInt16(d), use.offer.part == nil || !forMapping else { return .generalError }
            let uses = writable ? use.writers : use.readers
            if uses >= 128 { return .generalError }
            return writable && use.writers == 0 && use.offer.isReadOnly ? .generalError : nil
        }
        guard let offer = model.offers[ref], offer.domain == UInt16(d), !(writable && offer.isReadOnly),
            !(forMapping && offer.part != nil)
        else { return .generalError }
        return offer.gfn < 8 ? nil : .badPage
    }

    mutating func map(_ d: Int, _ g: Int) throws {
        let (ref, isReadOnly) = (reference(g), Bool.random(using: &random))
        let flags = GrantMapFlag.hostMap | (isReadOnly ? GrantMapFlag.readOnly : 0)
        let place = nextPlace
        let isFull = models[d].handles.count >= Self.maximumHandles
        let wanted = isFull ? .noSpace : expected(g, ref, by: d, writable: !isReadOnly, forMapping: true)
        let (mapper, granter) = (domains[d], domains[g])
        if let wanted { return try refuses(wanted) { _ = try mapper.map(ref, of: granter, at: place, flags: flags) } }
        let handle = try mapper.map(ref, of: granter, at: place, flags: flags)
        try expect(models[d].handles[handle] == nil, "handle \(handle) twice")
        let mapped = mapper.mapped[place]
        let offer = models[g].uses[ref].flatMap { $0.isInUse ? $0.offer : nil } ?? models[g].offers[ref]!
        try expect(mapped?.frame == granter.ram[Int(offer.gfn)], "another frame")
        try expect(mapped?.writable == !isReadOnly, "another right")
        var use = models[g].uses[ref].flatMap { $0.isInUse ? $0 : nil } ?? Use(offer: offer)
        if isReadOnly { use.readers += 1 } else { use.writers += 1 }
        models[g].uses[ref] = use
        models[d].handles[handle] = Mapping(granter: g, ref: ref, gfn: place, isReadOnly: isReadOnly)
        nextPlace += 1
    }

    mutating func unmap(_ d: Int) throws {
        let mapper = domains[d]
        guard let handle = models[d].handles.keys.sorted().randomElement(using: &random), !chance(10) else {
            let handle = UInt32.random(in: 0 ... .max, using: &random)
            guard models[d].handles[handle] == nil else { return }
            return try refuses(GrantStatus.badHandle) { _ = try mapper.unmap(handle, of: domains[0], at: 1) }
        }
        let mapping = models[d].handles[handle]!
        let granter = domains[mapping.granter]
        if chance(10) {
            return try refuses(GrantStatus.generalError) {
                _ = try mapper.unmap(handle, of: granter, at: mapping.gfn + (1 << 30))
            }
        }
        try expect(mapper.unmap(handle, of: granter, at: mapping.gfn), "nothing unmapped")
        models[d].handles[handle] = nil
        end(mapping)
    }

    mutating func end(_ mapping: Mapping) {
        if mapping.isReadOnly {
            models[mapping.granter].uses[mapping.ref]!.readers -= 1
        } else {
            models[mapping.granter].uses[mapping.ref]!.writers -= 1
        }
        let use = models[mapping.granter].uses[mapping.ref]!
        if !use.isInUse { models[mapping.granter].uses[mapping.ref] = nil }
    }

    // MARK: Copying

    mutating func copy(_ d: Int, _ g: Int) throws {
        let (ref, isWrite) = (reference(g), Bool.random(using: &random))
        let offset = UInt16.random(in: 0...4096, using: &random)
        let length = chance(2) ? 8 : UInt16.random(in: 0...4096, using: &random)
        let (caller, granter) = (domains[d], domains[g])
        var wanted = expected(g, ref, by: d, writable: isWrite, forMapping: false)
        let end = UInt32(offset) + UInt32(length)
        let offer = models[g].uses[ref].flatMap { $0.isInUse ? $0.offer : nil } ?? models[g].offers[ref]
        if wanted == nil {
            let part = offer!.part ?? 0..<4096
            if end > 4096 {
                wanted = .badCopyArgument
            } else if UInt32(offset) < part.lowerBound || end > part.upperBound {
                wanted = .generalError
            }
        }
        let (own, far) = (caller.own(0, offset: offset), granter.side(ref: ref, offset: offset))
        let world = self.world
        let operation = {
            if isWrite {
                try world.copy(by: caller, from: own, to: far, length, sourceIsGrant: false, destinationIsGrant: true)
            } else {
                try world.copy(by: caller, from: far, to: own, length)
            }
        }
        if let wanted { return try refuses(wanted, operation) }
        let aligned = UInt64(offset & ~7)
        let fits = offset % 8 == 0 && length >= 8
        let before = isWrite ? caller.word(0, aligned % 4096) : granter.word(offer!.gfn, aligned % 4096)
        try operation()
        if fits {
            let after = isWrite ? granter.word(offer!.gfn, aligned) : caller.word(0, aligned)
            try expect(after == before, "other bytes")
        }
    }

    // MARK: The table

    mutating func swap(_ g: Int) throws {
        let (a, b) = (reference(g), reference(g))
        let (model, domain) = (models[g], domains[g])
        if a >= model.entries || b >= model.entries { return try refuses(GrantStatus.badGrantRef) { try domain.swap(a, b) } }
        if a != b, model.uses[a]?.isInUse == true || model.uses[b]?.isInUse == true {
            return try refuses(GrantStatus.eagain) { try domain.swap(a, b) }
        }
        try domain.swap(a, b)
        (models[g].offers[a], models[g].offers[b]) = (model.offers[b], model.offers[a])
    }

    mutating func grow(_ g: Int) throws {
        let count = UInt32.random(in: 0...Self.maximumFrames + 1, using: &random)
        let domain = domains[g]
        if count > Self.maximumFrames {
            return try refuses(GrantStatus.generalError) { try domain.ref.pointee.setUp(frames: count, domain.sharing) }
        }
        try domain.ref.pointee.setUp(frames: count, domain.sharing)
        models[g].frames = max(models[g].frames, count)
        try expect(domain.ref.pointee.frameCount == models[g].frames, "d\(g) has \(domain.ref.pointee.frameCount) frames")
    }

    mutating func changeVersion(_ g: Int) throws {
        let version = UInt32.random(in: 0...3, using: &random)
        let (model, domain) = (models[g], domains[g])
        guard (1...2).contains(version) else { return try refuses(XenError.einval) { try domain.setVersion(version) } }
        if version == model.version { return try domain.setVersion(version) }
        if model.uses.contains(where: { $0.key >= ReservedGrant.count && $0.value.isInUse }) {
            return try refuses(XenError.ebusy) { try domain.setVersion(version) }
        }
        // Parts of pages in the first eight come only by a swap; version 1 does not know them, and keeps their flags.
        if model.offers.contains(where: { $0.key < ReservedGrant.count && $0.value.part != nil }) { return }
        try domain.setVersion(version)
        models[g].version = version
        models[g].offers = model.offers.filter { $0.key < ReservedGrant.count }
    }

    /// References and marks, of one domain.
    mutating func look(_ g: Int) throws {
        let domain = domains[g]
        let inUse = models[g].uses.values.filter(\.isInUse).count
        try expect(domain.references == inUse, "d\(g): \(domain.references) references, \(inUse) grants in use")
        for (ref, use) in models[g].uses where use.isInUse {
            let marks = GrantFlag.reading | (use.writers > 0 ? GrantFlag.writing : 0)
            try expect(domain.marks(ref) == marks, "d\(g) ref \(ref): marks \(domain.marks(ref)), not \(marks)")
        }
        try expect(domain.mapped.count == models[g].handles.count, "d\(g) has \(domain.mapped.count) mappings")
    }

    mutating func finish() throws {
        for d in 0..<3 {
            for (handle, mapping) in models[d].handles.sorted(by: { $0.key < $1.key }) {
                try expect(domains[d].unmap(handle, of: domains[mapping.granter], at: mapping.gfn), "nothing unmapped")
            }
            models[d].handles = [:]
        }
        try expect(domains.allSatisfy { $0.references == 0 }, "references are left")
        world.destroy()
        try expect(world.machine.outstanding == 0, "\(world.machine.outstanding) frames are left")
    }
}
