// SPDX-License-Identifier: Apache-2.0

import ArchCommon
import Base
import Containers
import EventChannels
import GrantTables
import Machine
import Memory
import P2M
import Support
import Sync
import Synchronization
import XenABI

@testable import Domains
@testable import Hypercalls

/// A hypercall that is to be made again, or has been made.
struct LawCall {
    var number: Hypercall
    var arguments: InlineArray<5, UInt64>
}

/// What a guest remembers of a mapping that it has made.
struct KnownMapping {
    var handle: UInt32
    var gfn: UInt64
}

/// A domain as its own kernel knows itself, and as the toolstack does.
struct LawDomain<Format: EntryFormat> {
    let ref: Ref<Domain<LawPlatform<Format>>>
    let id: UInt16
    var vcpus: [Ref<VCPU<LawPlatform<Format>>>] = []
    /// By vCPU: what it is to make again.
    var pending: [LawCall?] = []
    var mappings: [KnownMapping] = []
    var isBeingKilled = false
}

/// Translations that processors remember: only `LawCache` makes them forget.
struct Remembered {
    var domain: UInt16
    var gfn: UInt64
    var frame: MFN
    var writable: Bool
}

/// The whole machine: dom0, the toolstack's, and up to three domains that are nobody's friends.
final class World<Format: EntryFormat>: @unchecked Sendable {
    typealias P = LawPlatform<Format>
    static var slots: Int { 4 }

    let machine = LawMachine()
    let format: Format
    let isX86: Bool
    var random = SplitMix(state: 0)
    var time: UInt64 = 1_000_000
    var upcalls: UInt64 = 0
    let directory = UnsafeMutablePointer<DomainDirectory<P>>.allocate(capacity: 1)
    var dom0: Ref<Domain<P>>?
    /// By number; nil where there is none.
    var domains: [LawDomain<Format>?] = Array(repeating: nil, count: World.slots)
    /// All whose memory is not freed yet, the dead among them.
    var unburied: [Ref<Domain<P>>] = []
    var units = [Bool](repeating: false, count: 64)
    let pcpus = 3
    var copies = [0, 0, 0]
    /// What each pCPU runs.
    var running: [Ref<VCPU<P>>?] = [nil, nil, nil]
    var grace: UInt64 = 0
    var graces: [UInt64] = [0, 0, 0]
    /// What each pCPU has looked up since it came from a guest.
    var holding: [[Ref<Domain<P>>]] = [[], [], []]
    var depth = 0
    var remembered: [Remembered] = []
    var trace = Trace()
    /// Free frames before the first domain.
    private(set) var freeAtStart: UInt64 = 0

    init(format: Format, isX86: Bool, seed: UInt64) throws {
        self.format = format
        self.isX86 = isX86
        random = SplitMix(state: seed)
        directory.initialize(to: DomainDirectory())
        // The directory keeps the frames that it once had.
        try directory.pointee.reserve(DomainID(UInt16(Self.slots)), in: frames)
        freeAtStart = machine.heap.pointee.freeFrames
        try makeDom0()
    }

    deinit { directory.deallocate() }

    var frames: LawFrames { LawFrames(machine: machine) }

    func platform(_ pcpu: Int, _ vcpu: Ref<VCPU<P>>? = nil) -> P { P(world: self, pcpu: pcpu, vcpu: vcpu) }

    // MARK: Chance

    func below(_ count: Int) -> Int { Int(truncatingIfNeeded: random.next() % UInt64(count)) }
    func chance(in count: Int) -> Bool { random.next() % UInt64(count) == 0 }

    /// Lets other pCPUs do something, where this one holds no lock and is not itself such a one. False always.
    func meanwhile(_ pcpu: Int, rarely: Int) -> Bool {
        guard depth == 1, held_lock_ranks().pointee == 0, chance(in: rarely * 16) else { return false }
        for _ in 0...below(3) { act(on: (pcpu + 1 + below(pcpus - 1)) % pcpus) }
        return false
    }

    // MARK: dom0

    /// As the image builds its own, without an IOMMU's needs: its RAM may be anywhere.
    private func makeDom0() throws {
        let platform = platform(0)
        let info = frames.allocate()!
        platform.share(info, with: .dom0)
        let events = try EventChannels<LawFrames, Ref<VCPU<P>>>.create(
            domain: .dom0, frames: frames, layout: platform.sharedInfoLayout, sharedInfo: info.address, lastPort: 4000)
        let grants = try GrantTable<LawFrames>.create(
            domain: .dom0, frames: frames, maximumFrames: 4, maximumMaptrackFrames: 2, maximumVersion: 2,
            NewGrantFrames(.dom0, platform))
        let slot = FrameSlot<Domain<P>>(frames)!
        let frame = slot.frame
        let ref = slot.fill(
            Domain(
                id: .dom0, isPrivileged: true, isDirectMapped: false, p2m: PageTable(format: format, frames: frames)!,
                sharedInfo: info, maximumPages: 600, vcpuLimit: 2, events: events, grants: grants,
                extra: DomainMark(world: self, id: 0)))
        ref.pointee.ownFrame.store(frame.rawValue, ordering: .relaxed)
        dom0 = ref
        unburied.append(ref)
        for _ in 0..<2 { try Domain.addVCPU(to: ref, platform) }
        enter(ref, 0)
        for gfn in 0..<UInt64(64) where !ref.pointee.populate(GFN(gfn), order: 0, platform) { throw XenError.enomem }
    }

    /// From now on it acts.
    func enter(_ ref: Ref<Domain<P>>, _ id: UInt16) {
        var domain = LawDomain<Format>(ref: ref, id: id)
        ref.pointee.forEachVCPU { vcpu in
            vcpu.pointee.isUp.store(true, ordering: .relaxed)
            domain.vcpus.append(vcpu)
            domain.pending.append(nil)
        }
        domains[Int(id)] = domain
    }

    /// Called as its memory goes.
    func gone(_ id: UInt16) {
        let left = unburied.firstIndex { domain in
            // Its bytes are there still, for nobody has been given them yet.
            !machine.ledger[LawMachine.offset(MFN(domain.pointee.ownFrame.load(ordering: .relaxed))) ?? 0]
        }
        guard let left else { return }
        for pcpu in 0..<pcpus where holding[pcpu].contains(unburied[left]) {
            machine.note("domain \(id) is freed while pCPU \(pcpu) uses it")
        }
        forget(unburied[left])
    }

    /// The domain of a slot, if the hypervisor finds it still: its memory may be about to go.
    func present(_ slot: Int) -> LawDomain<Format>? {
        guard let domain = domains[slot] else { return nil }
        return slot == 0 || directory.pointee.domain(DomainID(domain.id), in: frames) == domain.ref ? domain : nil
    }

    /// A domain that is no more: its frame may be another's, or anything's.
    func forget(_ domain: Ref<Domain<P>>) {
        unburied.removeAll { $0 == domain }
        for slot in domains.indices where domains[slot]?.ref == domain { domains[slot] = nil }
    }

    func note(lookedUp domain: Ref<Domain<P>>, by pcpu: Int) {
        if !holding[pcpu].contains(domain) { holding[pcpu].append(domain) }
    }

    // MARK: One step of a pCPU

    /// What pCPU does from one look at the scheduler to the next.
    func act(on pcpu: Int) {
        depth += 1
        defer { depth -= 1 }
        // Who is in the hypervisor already does not come in again.
        guard depth == 1 || holding[pcpu].isEmpty else { return }
        operate(pcpu)
        for slot in 1..<Self.slots { forgetIfDead(slot) }
        holding[pcpu].removeAll(keepingCapacity: true)
        graces[pcpu] = grace
        directory.pointee.bury(platform(pcpu))
        holding[pcpu].removeAll(keepingCapacity: true)
    }

    /// A dead domain does nothing any more. Its number may be in use for as long as others have its frames.
    private func forgetIfDead(_ slot: Int) {
        guard let domain = domains[slot], domain.isBeingKilled, domain.ref.pointee.lifeStage >= .dead else { return }
        domains[slot] = nil
        forget(UInt16(slot)) { _ in true }
    }

    func references(_ frame: MFN) -> UInt64 {
        guard let index = machine.table.pointee.index(of: frame) else { return 0 }
        return state(index) >> 32
    }

    /// The word of the frame table: owner, use, references.
    func state(_ index: UInt32) -> UInt64 {
        machine.pointer(to: LawMachine.base.address + UInt64(index) * 24).loadUnaligned(as: UInt64.self)
    }

    // MARK: Memory, as guests see it

    func lookup(_ domain: Ref<Domain<P>>, _ gfn: GFN) -> (frame: MFN, type: P2MType, order: Int) {
        domain.pointee.p2m.withLock { $0.view }.lookup(gfn)
    }

    /// Whether stage 2 lets a guest, or the hypervisor for it, access what is of this type.
    func mayAccess(_ type: P2MType, write: Bool, byHypervisor: Bool = false) -> Bool {
        switch type {
        case .ramReadWrite, .foreign: true
        case .ramReadOnly, .ramLogDirty, .foreignReadOnly: !write
        case .grantReadWrite: !(byHypervisor && isX86)
        case .grantReadOnly: !write && !(byHypervisor && isX86)
        default: false
        }
    }

    func forget(_ domain: UInt16, _ isGone: (UInt64) -> Bool) {
        if remembered.isEmpty { return }
        remembered.removeAll { $0.domain == domain && isGone($0.gfn) }
    }

    /// Writes as the guest's own stores do; what it may not write stays.
    func store<Value: BitwiseCopyable>(_ value: Value, _ domain: Ref<Domain<P>>, at address: UInt64) {
        withUnsafeBytes(of: value) { bytes in
            var done = 0
            while done < bytes.count {
                let place = address &+ UInt64(done)
                let part = min(bytes.count - done, Int(4096 - place & 4095))
                let entry = lookup(domain, GFN(place >> 12))
                if mayAccess(entry.type, write: true) {
                    machine.pointer(to: entry.frame.address + place & 4095)
                        .copyMemory(from: bytes.baseAddress! + done, byteCount: part)
                }
                done += part
            }
        }
    }

    func load<Value: BitwiseCopyable>(_ type: Value.Type, _ domain: Ref<Domain<P>>, at address: UInt64) -> Value? {
        let entry = lookup(domain, GFN(address >> 12))
        guard mayAccess(entry.type, write: false), address & 4095 + UInt64(MemoryLayout<Value>.size) <= 4096 else {
            return nil
        }
        return machine.pointer(to: entry.frame.address + address & 4095).loadUnaligned(as: Value.self)
    }
}
