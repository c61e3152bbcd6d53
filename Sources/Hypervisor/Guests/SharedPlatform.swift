// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import EventChannels
import Firmware
import Machine
import Memory
import Scheduler
import Sync
import Timekeeping
import XenABI

// What every machine with guests answers alike: domains, their frames, the console, the time of day.
extension Metal {
    func domain(_ id: DomainID) -> MetalDomain? {
        if id == .dom0 { return root.state.dom0.isSet ? root.state.dom0.value : nil }
        return directory.pointee.domain(id, in: frames)
    }
    var directory: Ref<DomainDirectory<Metal>> { root.state.domains.reference }
    var sharedInfoLayout: SharedInfoLayout { Self.layout }

    func standing(of vcpu: MetalVCPU) -> VCPUStanding {
        let unit = root.state.scheduler.unit(UnitID(vcpu.pointee.unit))
        return VCPUStanding(isRunning: unit.running != nil, isBlocked: unit.isBlocked, processor: unit.home.rawValue)
    }

    func strayFrame(of domain: borrowing Domain<Metal>, from place: inout UInt64) -> StrayFrame {
        guard place < UInt64(root.frameTable.value.count) else { return .none }
        let frame = root.frameTable.value.first(of: domain.id, use: .domain, from: &place, atMost: 4096)
        return frame.map { .found($0) } ?? .noneYet
    }

    func owns(_ frame: MFN, _ domain: borrowing Domain<Metal>) -> Bool {
        guard let owner = root.frameTable.value.owner(of: frame) else { return false }
        return owner.use == .domain && owner.owner == domain.id
    }

    func assign(_ frame: MFN, count: UInt64, to domain: borrowing Domain<Metal>) {
        for offset in 0..<count { root.frameTable.value.assign(frame + offset, to: domain.id, use: .domain) }
    }

    func owner(of frame: MFN) -> MetalDomain? {
        guard let owner = root.frameTable.value.owner(of: frame), owner.use == .domain else { return nil }
        return domain(owner.owner)
    }

    func allocate(order: Int, on place: NodeRequest, claimed: UInt64) -> MFN? {
        root.heap.value.allocateForGuest(order: order, on: place, claimed: claimed)
    }
    func isReady(order: Int, on place: NodeRequest) -> Bool { root.heap.value.isReady(order: order, on: place) }
    func claim(_ pages: UInt64) -> Bool { root.heap.value.claim(pages) }
    func giveBackClaim(_ pages: UInt64) { root.heap.value.giveBackClaim(pages) }

    func share(_ frame: MFN, with domain: DomainID) {
        root.heap.value.willShow(frame)
        root.frameTable.value.assign(frame, to: domain, use: .shared)
    }
    func holdShared(_ frame: MFN, of domain: borrowing Domain<Metal>) -> Bool {
        root.frameTable.value.hold(frame, of: domain.id, use: .shared)
    }
    func isRAM(_ frame: MFN) -> Bool { root.frameTable.value.index(of: frame) != nil }

    func hold(_ frame: MFN, of domain: borrowing Domain<Metal>) -> Bool {
        root.frameTable.value.hold(frame, of: domain.id)
    }

    func drop(_ frame: MFN) {
        guard let owner = root.frameTable.value.drop(frame) else { return }
        frames.free(frame)
        if let domain = domain(owner) { Domain.frameReturned(to: domain, self) }
    }

    func isHeld(_ frame: MFN) -> Bool { root.frameTable.value.isHeld(frame) }

    func giveUp(_ frame: MFN, count: UInt64) {
        root.frameTable.value.giveUp(
            frame, count: count, free: { frames.free($0, order: $1) }, held: { domain($0)?.pointee.frameHeld() })
    }

    var maximumFrame: MFN { root.maximumFrame.value }

    func consoleWrite(_ bytes: borrowing Span<UInt8>) { root.console.writeGuest(bytes) }
    func consolePrint(_ line: inout ConsoleLine, of domain: DomainID) {
        root.console.withLock { console in
            // Xen: XENLOG_G_DEBUG
            let isShown = console.options.guestLogLevels >= 4
            if isShown { console.begin("(d\(domain.rawValue)) ") }
            line.take { if isShown { console.put($0) } }
            if isShown { console.put(UInt8(ascii: "\n")) }
        }
    }
    func consoleRead() -> UInt8? { root.console.withLock { $0.takeInput() } }
    func setWallclock(seconds: UInt64, nanoseconds: UInt32, at systemTime: UInt64) {
        let clock = Wallclock(seconds: seconds, nanoseconds: nanoseconds, at: SystemTime(nanoseconds: systemTime))
        root.state.wallclock.withLock {
            $0 = clock
            if let dom0 = domain(.dom0) { publish(clock, to: dom0.pointee) }
        }
    }
    func publishWallclock(to domain: borrowing Domain<Metal>) {
        root.state.wallclock.withLock { publish($0, to: domain) }
    }
    private func publish(_ clock: Wallclock, to domain: borrowing Domain<Metal>) {
        clock.publish(at: domain.sharedInfo.address, layout: domain.events.pointee.layout, in: frames)
    }

    var buildID: InlineArray<20, UInt8>? { imageBuildID() }
    var assists: UInt64 { 1 << UInt64(VMAssist.runstateUpdateFlag.rawValue) }
    func writeCommandLine(at address: GuestVirtualAddress) throws(XenError) {
        try guest.write(root.options.value.commandLine, at: address)
    }
}
