// SPDX-License-Identifier: Apache-2.0

import ARM
import Base
import Containers
import Domains
import EventChannels
import Foundation
import GrantTables
import Machine
import Memory
import P2M
import Support
import Synchronization
import XenABI

@testable import Hypercalls

/// A machine that is all in one test: RAM, a frame table, domains, and what was asked of it.
final class FakeHost: @unchecked Sendable {
    let machine = FakeMachine(frames: 4096, isSoiled: false)
    var domains: [UInt16: Ref<Domain<FakePlatform>>] = [:]
    var owners: [MFN: Owner] = [:]
    /// Frames that are set aside.
    var claimed: UInt64 = 0
    /// Flushes of stage 2.
    var flushes = 0
    /// What another vCPU does just before and just after a frame that is shared is held, once.
    var beforeHold: (() -> Void)?
    var afterHold: (() -> Void)?
    func run(_ action: inout (() -> Void)?) {
        let once = action
        action = nil
        once?()
    }

    /// What other pCPUs do when a domain is looked up.
    var onLookup: ((DomainID) -> Void)?

    /// Copies under way.
    var copies = 0

    struct Owner {
        let domain: UInt16
        var holds = 0
        var givenUp = false
        /// The hypervisor's own, which the domain may see.
        var isShared = false
    }
    var time = SystemTime(nanoseconds: 1_000_000)
    var upcalls: [VCPUID] = []
    var woken: [VCPUID] = []
    var preempts = false
    /// Pieces that are zeroed before a large block is ready.
    var unreadyPieces = 0
    var cacheOperations: [(start: MachineAddress, count: UInt64, clean: Bool, invalidate: Bool)] = []
    var lines: [String] = []
    var wallclock: (UInt64, UInt32, UInt64)?
    /// Domains that were told the time of day once more.
    var publishedWallclocks: [UInt16] = []
    var consoleOutput: [UInt8] = []
    var consoleInput: [UInt8] = []
    var buildID: InlineArray<20, UInt8>?
    /// The machine has what only x86 has.
    var isX86 = false
    /// What `loadState` was given.
    var loaded: [String] = []
    var machineMap: [E820Entry] = []
    var timerChanges = 0
    var infoMoves: [VCPUID] = []
    var upcallVectors: [VCPUID: UInt8] = [:]
    /// What VCPUOP_initialise was given.
    var contexts: [VCPUID: VCPUHVMContext] = [:]
    var interruptedByNMI: [VCPUID] = []
    /// PCI functions that the hardware domain has told of.
    var devices: Set<UInt32> = []
    var grantOperations = UInt64.max

    // Domains that domctls make: see FakeLife.swift.

    /// The directory, in storage that lasts as long as the host.
    let directory = UnsafeMutablePointer<DomainDirectory<FakePlatform>>.allocate(capacity: 1)
    /// The scheduler's numbers that are taken, and those of vCPUs that are asleep.
    var units: Set<UInt16> = []
    var asleep: Set<UInt16> = []
    /// The last grace period that has begun, and the last that has passed. They pass at once unless `isSlow`.
    var grace: (begun: UInt64, passed: UInt64) = (0, 0)
    var isSlow = false
    /// Which vCPU was moved to which processor.
    var moves: [String] = []
    /// vCPUs that somebody waited for.
    var waits = 0
    /// Extras of domains and of vCPUs that live.
    var extras = 0

    init() { directory.initialize(to: DomainDirectory()) }
    deinit { directory.deallocate() }
}

/// Counts its flushes.
struct FakeCache: TranslationCache {
    let host: FakeHost
    func entriesWritten() {}
    func invalidate(_ frames: GuestRange) { flush() }
    func invalidate(each frames: borrowing Span<GFN>) { flush() }
    private func flush() {
        precondition(host.copies == 0, "would wait for its own copy")
        host.flushes += 1
    }
}

struct FakeLog: LogSink {
    let host: FakeHost
    func log(_ level: LogLevel, _ line: LogLine) {
        host.lines.append(String(decoding: (0..<line.count).map { line.bytes[$0] }, as: UTF8.self))
    }
}

/// Virtual addresses of the running guest are its guest-physical ones.
struct FakeGuest: GuestMemory {
    let host: FakeHost
    let frames: FakeFrames
    let domain: Ref<Domain<FakePlatform>>?

    func beginCopy() { host.copies += 1 }
    func endCopy() { host.copies -= 1 }

    func makeAccessible(_ address: GuestVirtualAddress, write: Bool) -> Bool {
        precondition(host.copies == 0, "would wait for its own copy")
        guard let domain else { return false }
        let platform = FakePlatform(host: host, running: domain)
        return domain.pointee.resolve(GFN(address.rawValue >> pageShift), write: write, platform) == .again
    }

    func translate(_ address: GuestVirtualAddress, write: Bool) -> MachineAddress? {
        precondition(host.copies == 1, "looked up outside of a copy")
        guard let domain else { return nil }
        let entry = domain.pointee.p2m.withLock { $0.lookup(GFN(address.rawValue >> pageShift)) }
        guard entry.type.isRAM, !write || entry.type == .ramReadWrite else { return nil }
        return entry.frame.address + address.offset
    }
}

struct FakePlatform: Platform {
    typealias Format = Stage2Format
    typealias DomainExtra = NoExtra
    typealias VCPUExtra = NoExtra
    typealias ArchConfig = ARMDomainConfig
    let host: FakeHost
    var running: Ref<Domain<FakePlatform>>?

    var frames: FakeFrames { host.machine.source }
    var guest: FakeGuest { FakeGuest(host: host, frames: frames, domain: running) }
    var log: FakeLog { FakeLog(host: host) }
    func now() -> SystemTime { host.time }
    func cache(of domain: borrowing Domain<Self>) -> FakeCache { FakeCache(host: host) }
    func domain(_ id: DomainID) -> Ref<Domain<Self>>? {
        host.onLookup?(id)
        return host.domains[id.rawValue] ?? directory.pointee.domain(id, in: frames)
    }
    func raiseUpcall(_ vcpu: Ref<VCPU<Self>>) { host.upcalls.append(vcpu.pointee.id) }
    var handsOnPCI: Bool { host.isX86 }
    func reserveConfiguration(_ region: PhysdevPCIMMCFGReserved) throws(XenError) {
        guard region.address == 0xb000_0000 else { throw .eio }
    }
    func addDevice(segment: UInt16, bus: UInt8, devfn: UInt8) throws(XenError) {
        host.devices.insert(UInt32(segment) << 16 | UInt32(bus) << 8 | UInt32(devfn))
    }
    func removeDevice(segment: UInt16, bus: UInt8, devfn: UInt8) throws(XenError) {
        guard host.devices.remove(UInt32(segment) << 16 | UInt32(bus) << 8 | UInt32(devfn)) != nil else { throw .enodev }
    }
    var memoryFeatures: MemoryFeatures { host.isX86 ? .all : [] }
    func machineMapEntry(_ index: Int) -> E820Entry? {
        index < host.machineMap.count ? host.machineMap[index] : nil
    }
    var hasUpcallVectors: Bool { host.isX86 }
    var vcpuOperations: UInt64 { host.isX86 ? ~0 : 1 << 5 | 1 << 10 }
    var grantOperations: UInt64 { host.grantOperations }
    func initialise(_ vcpu: Ref<VCPU<Self>>, from context: GuestVirtualAddress) throws(XenError) {
        guard host.isX86 else { throw .enosys }
        let argument = try guest.read(VCPUHVMContext.self, at: context)
        guard host.contexts[vcpu.pointee.id] == nil else { throw .eexist }
        host.contexts[vcpu.pointee.id] = argument
    }
    func start(_ vcpu: Ref<VCPU<Self>>) -> Bool {
        guard host.contexts[vcpu.pointee.id] != nil else { return false }
        vcpu.pointee.isUp.store(true, ordering: .relaxed)
        return true
    }
    func bringDown(_ vcpu: Ref<VCPU<Self>>) { vcpu.pointee.isUp.store(false, ordering: .relaxed) }
    func sendNMI(_ vcpu: Ref<VCPU<Self>>) { host.interruptedByNMI.append(vcpu.pointee.id) }
    func timersChanged(_ vcpu: Ref<VCPU<Self>>) { host.timerChanges += 1 }
    func vcpuInfoMoved(_ vcpu: Ref<VCPU<Self>>) { host.infoMoves.append(vcpu.pointee.id) }
    func setUpcallVector(_ vector: UInt8, _ vcpu: Ref<VCPU<Self>>) throws(XenError) {
        guard host.isX86 else { throw .enosys }
        guard vector >= 16 else { throw .einval }
        host.upcallVectors[vcpu.pointee.id] = vector
    }
    func wake(_ vcpu: Ref<VCPU<Self>>) { host.woken.append(vcpu.pointee.id) }
    func unmaskUpcalls(_ vcpu: Ref<VCPU<Self>>) {}
    var shouldPreempt: Bool { host.preempts }

    func maintainCache(_ start: MachineAddress, count: UInt64, clean: Bool, invalidate: Bool) {
        host.cacheOperations.append((start, count, clean, invalidate))
    }
    func owner(of frame: MFN) -> Ref<Domain<Self>>? {
        guard let owner = host.owners[frame], !owner.givenUp, !owner.isShared else { return nil }
        return domain(DomainID(owner.domain))
    }
    func owns(_ frame: MFN, _ domain: borrowing Domain<Self>) -> Bool {
        guard let owner = host.owners[frame] else { return false }
        return owner.domain == domain.id.rawValue && !owner.givenUp && !owner.isShared
    }
    func isRAM(_ frame: MFN) -> Bool {
        frame >= host.machine.base && frame < host.machine.base + UInt64(host.machine.frames)
    }
    func allocate(order: Int, on place: NodeRequest, claimed: UInt64) -> MFN? {
        // One node.
        if place.isExact && place.node != NUMANode(0) { return nil }
        let free = UInt64(host.machine.frames - host.machine.outstanding)
        guard host.claimed - claimed + 1 << UInt64(order) <= free else { return nil }
        guard let frame = frames.allocate(order: order, node: place.node) else { return nil }
        host.claimed -= claimed
        return frame
    }
    func isReady(order: Int, on place: NodeRequest) -> Bool {
        guard order > 6, host.unreadyPieces > 0 else { return true }
        host.unreadyPieces -= 1
        return false
    }
    func claim(_ pages: UInt64) -> Bool {
        guard pages + host.claimed <= UInt64(host.machine.frames - host.machine.outstanding) else { return false }
        host.claimed += pages
        return true
    }
    func giveBackClaim(_ pages: UInt64) { host.claimed -= pages }
    func share(_ frame: MFN, with domain: DomainID) {
        host.owners[frame] = FakeHost.Owner(domain: domain.rawValue, isShared: true)
    }
    func holdShared(_ frame: MFN, of domain: borrowing Domain<Self>) -> Bool {
        defer { host.run(&host.afterHold) }
        host.run(&host.beforeHold)
        guard let owner = host.owners[frame], owner.isShared, !owner.givenUp else { return false }
        guard owner.domain == domain.id.rawValue else { return false }
        host.owners[frame]!.holds += 1
        return true
    }
    func assign(_ frame: MFN, count: UInt64, to domain: borrowing Domain<Self>) {
        for offset in 0..<count { host.owners[frame + offset] = FakeHost.Owner(domain: domain.id.rawValue) }
    }
    func hold(_ frame: MFN, of domain: borrowing Domain<Self>) -> Bool {
        guard owns(frame, domain) else { return false }
        host.owners[frame]!.holds += 1
        return true
    }
    func isHeld(_ frame: MFN) -> Bool { host.owners[frame].map { $0.holds > 0 } ?? false }
    func drop(_ frame: MFN) {
        let owner = host.owners[frame]!
        host.owners[frame]!.holds -= 1
        free(frame)
        guard owner.givenUp, owner.holds == 1, !owner.isShared else { return }
        if let domain = domain(DomainID(owner.domain)) { Domain.frameReturned(to: domain, self) }
    }
    func giveUp(_ frame: MFN, count: UInt64) {
        for offset in 0..<count { giveUp(frame + offset) }
    }
    private func giveUp(_ frame: MFN) {
        let owner = host.owners[frame]!
        precondition(!owner.givenUp, "given up twice")
        host.owners[frame]!.givenUp = true
        if owner.holds > 0, !owner.isShared { domain(DomainID(owner.domain))?.pointee.frameHeld() }
        free(frame)
    }
    private func free(_ frame: MFN) {
        guard host.owners[frame]!.givenUp && host.owners[frame]!.holds == 0 else { return }
        host.owners[frame] = nil
        host.machine.source.free(frame)
    }

    var maximumFrame: MFN { host.machine.base + UInt64(host.machine.frames - 1) }
    func consolePrint(_ line: inout ConsoleLine, of domain: DomainID) {
        var text: [UInt8] = []
        line.take { text.append($0) }
        host.lines.append("(d\(domain.rawValue)) " + String(decoding: text, as: UTF8.self))
    }
    func consoleWrite(_ bytes: borrowing Span<UInt8>) {
        for index in bytes.indices { host.consoleOutput.append(bytes[index]) }
    }
    func consoleRead() -> UInt8? { host.consoleInput.isEmpty ? nil : host.consoleInput.removeFirst() }
    func setWallclock(seconds: UInt64, nanoseconds: UInt32, at systemTime: UInt64) {
        host.wallclock = (seconds, nanoseconds, systemTime)
    }
    func publishWallclock(to domain: borrowing Domain<FakePlatform>) { host.publishedWallclocks.append(domain.id.rawValue) }
    var buildID: InlineArray<20, UInt8>? { host.buildID }
    var virtualStart: UInt64 { 0xffff_8000_0000_0000 }
    var capabilities: StaticString { "xen-3.0-fake " }
    var machineFeatures: UInt32 { 0 }
    var parameters: ParameterSets {
        ParameterSets(readable: 0b00111, settable: host.isX86 ? 0b01001 : 0b01000, toolstack: 0b10000)
    }
    var assists: UInt64 { 1 << UInt64(VMAssist.runstateUpdateFlag.rawValue) }
    func writeCommandLine(at address: GuestVirtualAddress) throws(XenError) {
        try guest.write(text("loglvl=all", CommandLineInfo(repeating: 0)), at: address)
    }
}

/// Counts itself.
struct NoExtra: ~Copyable {
    var host: FakeHost?
    init(_ host: FakeHost? = nil) {
        self.host = host
        host?.extras += 1
    }
    deinit { host?.extras -= 1 }
}

/// A guest as the tests use it: RAM from guest frame 0x100 on, and a scratch area for arguments.
final class FakeDomain {
    let host: FakeHost
    let ref: Ref<Domain<FakePlatform>>
    /// Frames of a direct-mapped domain.
    private(set) var ram: [MFN] = []
    private(set) var vcpus: [Ref<VCPU<FakePlatform>>] = []
    static let firstFrame: UInt64 = 0x100
    /// Where arguments go.
    let scratch = GuestVirtualAddress(firstFrame << 12)
    /// Behind the last page of RAM.
    let end: UInt64

    init(
        _ id: UInt16, host: FakeHost, privileged: Bool = false, vcpus count: Int = 2, frames: Int = 32,
        isDirectMapped: Bool = false
    ) throws {
        self.host = host
        end = (Self.firstFrame + UInt64(frames)) << 12
        let source = host.machine.source
        let info = source.allocate()!
        let table = PageTable(format: Stage2Format(addressBits: 40), frames: source)!
        let events = try EventChannels<FakeFrames, Ref<VCPU<FakePlatform>>>.create(
            domain: DomainID(id), frames: source, layout: .arm, sharedInfo: info.address, lastPort: .max >> 1)
        let grants = try GrantTable<FakeFrames>.create(
            domain: DomainID(id), frames: source, maximumFrames: 8, maximumMaptrackFrames: 4, maximumVersion: 2,
            NewGrantFrames(DomainID(id), FakePlatform(host: host, running: nil)))
        let slot = FrameSlot<Domain<FakePlatform>>(source)!
        ref = slot.fill(
            Domain(
                id: DomainID(id), isPrivileged: privileged, isDirectMapped: isDirectMapped, p2m: table, sharedInfo: info,
                maximumPages: 4096, vcpuLimit: count, events: events, grants: grants, extra: NoExtra()))
        host.domains[id] = ref
        for number in 0..<count {
            let vcpu = FrameSlot<VCPU<FakePlatform>>(source)!.fill(
                VCPU(
                    id: VCPUID(UInt32(number)), domain: ref, unit: UInt16(number), isUp: number == 0,
                    extra: NoExtra()))
            vcpus.append(vcpu)
            try ref.pointee.add(vcpu)
        }
        for number in 0..<UInt64(frames) {
            guard !isDirectMapped else {
                try addFrame(at: Self.firstFrame + number)
                continue
            }
            guard ref.pointee.populate(GFN(Self.firstFrame + number), order: 0, platform) else { throw XenError.enomem }
        }
    }

    /// RAM of a direct-mapped domain, seen elsewhere too so that arguments have a place.
    private func addFrame(at gfn: UInt64) throws {
        let frame = host.machine.source.allocate()!
        platform.assign(frame, count: 1, to: ref.pointee)
        try ref.pointee.map(GFN(gfn), to: frame, type: .ramReadWrite, platform)
        ram.append(frame)
    }

    var platform: FakePlatform { FakePlatform(host: host, running: ref) }

    func type(_ gfn: UInt64) -> P2MType { ref.pointee.p2m.withLock { $0.lookup(GFN(gfn)) }.type }
    func release(_ gfn: UInt64) -> Bool { ref.pointee.release(GFN(gfn), order: 0, platform) }
    func populate(_ gfn: UInt64, order: UInt64) -> Bool { ref.pointee.populate(GFN(gfn), order: order, platform) }
    /// What becomes of an access that stage 2 refused.
    func access(_ gfn: UInt64, write: Bool) -> FaultAnswer { ref.pointee.resolve(GFN(gfn), write: write, platform) }
    func frame(_ gfn: UInt64) -> MFN { ref.pointee.p2m.withLock { $0.lookup(GFN(gfn)) }.frame }

    func write<Value: BitwiseCopyable>(_ value: Value, at address: GuestVirtualAddress) {
        try! platform.guest.write(value, at: address)
    }
    func read<Value: BitwiseCopyable>(_ type: Value.Type = Value.self, at address: GuestVirtualAddress) -> Value {
        try! platform.guest.read(Value.self, at: address)
    }

    /// One hypercall of vCPU 0's.
    func call(_ number: Hypercall, _ arguments: UInt64..., vcpu: Int = 0) -> Outcome {
        var list = InlineArray<5, UInt64>(repeating: 0)
        for (index, argument) in arguments.enumerated() { list[index] = argument }
        return Call<FakePlatform, Caller64>(platform: platform, vcpu: vcpus[vcpu], arguments: list).perform(number.rawValue)
    }

    /// An operation whose argument is a structure: in and out.
    func operate<Value: BitwiseCopyable>(
        _ number: Hypercall, _ operation: UInt32, _ argument: inout Value, vcpu: Int = 0
    ) -> Outcome {
        write(argument, at: scratch)
        let outcome = call(number, UInt64(operation), scratch.rawValue, 1, vcpu: vcpu)
        argument = read(at: scratch)
        return outcome
    }

    func event<Value: BitwiseCopyable>(_ operation: EventChannelOp, _ argument: inout Value) -> Outcome {
        operate(.eventChannelOp, operation.rawValue, &argument)
    }
    func grant<Value: BitwiseCopyable>(_ operation: GrantTableOp, _ argument: inout Value) -> Outcome {
        operate(.grantTableOp, operation.rawValue, &argument)
    }
}

extension Outcome {
    static func error(_ error: XenError) -> Outcome { .value(Int64(error.returnValue)) }
}
