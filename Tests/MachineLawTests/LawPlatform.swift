// SPDX-License-Identifier: Apache-2.0

import ArchCommon
import Base
import Containers
import Domains
import Machine
import Memory
import P2M
import Sync
import Synchronization
import XenABI

/// The machine under the hypercalls, wired as `Hypervisor/Guests/SharedPlatform.swift` wires the image. What it fakes is the
/// processor's: translations, kicks, the clock, grace periods.
struct LawPlatform<Format: EntryFormat>: Platform {
    typealias DomainExtra = DomainMark<Format>
    typealias VCPUExtra = Unmarked
    typealias ArchConfig = ARMDomainConfig

    unowned(unsafe) let world: World<Format>
    let pcpu: Int
    var vcpu: Ref<VCPU<Self>>?

    var machine: LawMachine { world.machine }
    private var table: Ref<FrameTable<LawMemory>> { Ref(unsafe: world.machine.table) }

    var frames: LawFrames { LawFrames(machine: world.machine) }
    var guest: LawGuest<Format> { LawGuest(platform: self) }
    var log: LawLog { LawLog() }
    func now() -> SystemTime {
        world.time += 1000
        return SystemTime(nanoseconds: world.time)
    }
    func cache(of domain: borrowing Domain<Self>) -> LawCache<Format> {
        LawCache(world: world, pcpu: pcpu, domain: domain.id.rawValue)
    }
    func domain(_ id: DomainID) -> Ref<Domain<Self>>? {
        let found = id == .dom0 ? world.dom0 : directory.pointee.domain(id, in: frames)
        if let found { world.note(lookedUp: found, by: pcpu) }
        return found
    }
    var directory: Ref<DomainDirectory<Self>> { Ref(unsafe: world.directory) }

    func raiseUpcall(_ vcpu: Ref<VCPU<Self>>) { world.upcalls &+= 1 }
    func wake(_ vcpu: Ref<VCPU<Self>>) { world.upcalls &+= 1 }
    func unmaskUpcalls(_ vcpu: Ref<VCPU<Self>>) {}
    var shouldPreempt: Bool { world.meanwhile(pcpu, rarely: 4) || world.chance(in: 24) }
    func maintainCache(_ start: MachineAddress, count: UInt64, clean: Bool, invalidate: Bool) {}

    // MARK: Frames, as in SharedPlatform.swift

    func owner(of frame: MFN) -> Ref<Domain<Self>>? {
        guard let owner = table.pointee.owner(of: frame), owner.use == .domain else { return nil }
        return domain(owner.owner)
    }
    func owns(_ frame: MFN, _ domain: borrowing Domain<Self>) -> Bool {
        guard let owner = table.pointee.owner(of: frame) else { return false }
        return owner.use == .domain && owner.owner == domain.id
    }
    func isRAM(_ frame: MFN) -> Bool { table.pointee.index(of: frame) != nil }
    func allocate(order: Int, on place: NodeRequest, claimed: UInt64) -> MFN? {
        _ = world.meanwhile(pcpu, rarely: 8)
        guard let frame = machine.heap.pointee.allocateForGuest(order: order, on: place, claimed: claimed) else { return nil }
        machine.handOut(frame, order: order)
        return frame
    }
    func isReady(order: Int, on place: NodeRequest) -> Bool { machine.heap.pointee.isReady(order: order, on: place) }
    func claim(_ pages: UInt64) -> Bool { machine.heap.pointee.claim(pages) }
    func giveBackClaim(_ pages: UInt64) { machine.heap.pointee.giveBackClaim(pages) }
    func assign(_ frame: MFN, count: UInt64, to domain: borrowing Domain<Self>) {
        for offset in 0..<count { table.pointee.assign(frame + offset, to: domain.id, use: .domain) }
        _ = world.meanwhile(pcpu, rarely: 8)
    }
    func share(_ frame: MFN, with domain: DomainID) { table.pointee.assign(frame, to: domain, use: .shared) }
    func holdShared(_ frame: MFN, of domain: borrowing Domain<Self>) -> Bool {
        table.pointee.hold(frame, of: domain.id, use: .shared)
    }
    func isHeld(_ frame: MFN) -> Bool { table.pointee.isHeld(frame) }
    func hold(_ frame: MFN, of domain: borrowing Domain<Self>) -> Bool { table.pointee.hold(frame, of: domain.id) }
    func drop(_ frame: MFN) {
        // The table would end the hypervisor.
        guard world.references(frame) > 0 else {
            return machine.note("a reference to \(LawMachine.name(frame)) is dropped twice")
        }
        guard let owner = table.pointee.drop(frame) else { return }
        frames.free(frame)
        if let domain = domain(owner) { Domain.frameReturned(to: domain, self) }
    }
    func giveUp(_ frame: MFN, count: UInt64) {
        for offset in 0..<count {
            let owner = table.pointee.owner(of: frame + offset)
            guard let owner, owner.use == .domain || owner.use == .shared else {
                return machine.note("\(LawMachine.name(frame + offset)) is given up, and nobody has it")
            }
        }
        table.pointee.giveUp(
            frame, count: count, free: { frames.free($0, order: $1) }, held: { domain($0)?.pointee.frameHeld() })
        _ = world.meanwhile(pcpu, rarely: 16)
    }
    func strayFrame(of domain: borrowing Domain<Self>, from place: inout UInt64) -> StrayFrame {
        guard place < UInt64(table.pointee.count) else { return .none }
        let frame = table.pointee.first(of: domain.id, use: .domain, from: &place, atMost: 4096)
        return frame.map { .found($0) } ?? .noneYet
    }
    var maximumFrame: MFN { LawMachine.base + (LawMachine.frames - 1) }

    // MARK: The rest

    func consoleWrite(_ bytes: borrowing Span<UInt8>) {}
    func consolePrint(_ line: inout ConsoleLine, of domain: DomainID) { line.take { _ in } }
    func consoleRead() -> UInt8? { nil }
    func setWallclock(seconds: UInt64, nanoseconds: UInt32, at systemTime: UInt64) {}
    func publishWallclock(to domain: borrowing Domain<Self>) {}
    var buildID: InlineArray<20, UInt8>? { nil }
    var capabilities: StaticString { "" }
    var virtualStart: UInt64 { 0 }
    var machineFeatures: UInt32 { 0 }
    var parameters: ParameterSets { ParameterSets(readable: 0xFF, settable: 0x0F, toolstack: 0xFF0) }
    var assists: UInt64 { 1 << UInt64(VMAssist.runstateUpdateFlag.rawValue) }
    func writeCommandLine(at address: GuestVirtualAddress) throws(XenError) { throw .enosys }

    // MARK: Domains that are made

    var sharedInfoLayout: SharedInfoLayout { world.isX86 ? .x86_64 : .arm }
    func complete(_ config: inout CreateDomain<ARMDomainConfig>) throws(XenError) {}
    var grantLimits: GrantLimits { GrantLimits(frames: 4, maptrackFrames: 2, version: 2) }
    func stage2Format() throws(XenError) -> Format { world.format }
    func makeExtra(
        _ id: DomainID, _ config: CreateDomain<ARMDomainConfig>, root: MFN
    ) throws(XenError) -> DomainMark<Format> { DomainMark(world: world, id: id.rawValue) }
    func makeVCPUExtra(_ id: VCPUID, of domain: Ref<Domain<Self>>) throws(XenError) -> Unmarked { Unmarked() }
    func takeUnit() -> UInt16? {
        guard let unit = world.units.firstIndex(of: false) else { return nil }
        world.units[unit] = true
        return UInt16(unit)
    }
    func giveBackUnit(_ unit: UInt16) { world.units[Int(unit)] = false }
    func dismiss(_ vcpu: Ref<VCPU<Self>>) { giveBackUnit(vcpu.pointee.unit) }
    func standing(of vcpu: Ref<VCPU<Self>>) -> VCPUStanding {
        VCPUStanding(isRunning: false, isBlocked: false, processor: 0)
    }
    func canRun(on processor: UInt32) -> Bool { processor < UInt32(world.pcpus) }
    var processorCount: UInt32 { UInt32(world.pcpus) }
    func beginGrace() -> UInt64 {
        world.grace += 1
        return world.grace
    }
    func graceHasPassed(_ period: UInt64) -> Bool { world.graces.allSatisfy { $0 >= period } }
    func setAddressSize(_ bits: UInt32, of domain: Ref<Domain<Self>>) throws(XenError) {}

    // MARK: What only x86 has

    var memoryFeatures: MemoryFeatures { world.isX86 ? .all : [] }
    var vcpuOperations: UInt64 { world.isX86 ? ~0 : 1 << 5 | 1 << 10 }
    var hasUpcallVectors: Bool { world.isX86 }
    func setUpcallVector(_ vector: UInt8, _ vcpu: Ref<VCPU<Self>>) throws(XenError) {}
    func initialise(_ vcpu: Ref<VCPU<Self>>, from context: GuestVirtualAddress) throws(XenError) {
        vcpu.pointee.isInitialised.store(true, ordering: .relaxed)
    }
    func start(_ vcpu: Ref<VCPU<Self>>) -> Bool {
        vcpu.pointee.isUp.store(true, ordering: .relaxed)
        return true
    }
    func bringDown(_ vcpu: Ref<VCPU<Self>>) { vcpu.pointee.isUp.store(false, ordering: .relaxed) }
}

/// Tells the world when its domain is gone.
struct DomainMark<Format: EntryFormat>: ~Copyable {
    unowned(unsafe) let world: World<Format>
    let id: UInt16
    deinit { world.gone(id) }
}

struct Unmarked: ~Copyable {}

struct LawLog: LogSink {
    func log(_ level: LogLevel, _ line: LogLine) {}
}

/// The guest that runs. Its virtual addresses are its guest-physical ones; what stage 2 lets it read or write, the hypervisor
/// reads or writes for it: on x86 no grants, as `GuestAccess.swift`, on ARM those too, as `Metal.swift`.
struct LawGuest<Format: EntryFormat>: GuestMemory {
    let platform: LawPlatform<Format>
    var frames: LawFrames { platform.frames }
    private var world: World<Format> { platform.world }

    func beginCopy() {
        _ = world.meanwhile(platform.pcpu, rarely: 64)
        world.copies[platform.pcpu] += 1
    }
    func endCopy() { world.copies[platform.pcpu] -= 1 }

    func makeAccessible(_ address: GuestVirtualAddress, write: Bool) -> Bool {
        guard let vcpu = platform.vcpu else { return false }
        return vcpu.pointee.domain.pointee.resolve(GFN(address.rawValue >> pageShift), write: write, platform) == .again
    }

    func translate(_ address: GuestVirtualAddress, write: Bool) -> MachineAddress? {
        if world.copies[platform.pcpu] != 1 { platform.machine.note("an address is looked up outside of a copy") }
        guard let vcpu = platform.vcpu else { return nil }
        let entry = world.lookup(vcpu.pointee.domain, GFN(address.rawValue >> pageShift))
        guard world.mayAccess(entry.type, write: write, byHypervisor: true), platform.isRAM(entry.frame) else { return nil }
        return entry.frame.address + address.offset
    }
}

/// Translations of one domain's stage 2, which `World` remembers until they are invalidated here.
struct LawCache<Format: EntryFormat>: TranslationCache {
    unowned(unsafe) let world: World<Format>
    let pcpu: Int
    let domain: UInt16

    func entriesWritten() {}
    func invalidate(_ frames: GuestRange) {
        if world.copies[pcpu] != 0 { world.machine.note("would wait for its own copy") }
        world.forget(domain) { $0 >= frames.start.rawValue && $0 - frames.start.rawValue < frames.count }
        _ = world.meanwhile(pcpu, rarely: 8)
    }
    func invalidate(each frames: borrowing Span<GFN>) {
        if world.copies[pcpu] != 0 { world.machine.note("would wait for its own copy") }
        for index in frames.indices {
            let gfn = frames[index].rawValue
            world.forget(domain) { $0 == gfn }
        }
        _ = world.meanwhile(pcpu, rarely: 8)
    }
}
