// SPDX-License-Identifier: Apache-2.0

import ARM
import Base
import Containers
import Domains
import Machine
import P2M
import Support
import Synchronization
import XenABI

@testable import Hypercalls

// Domains that domctls make on the fake machine.
extension FakePlatform {
    var directory: Ref<DomainDirectory<FakePlatform>> { Ref(unsafe: host.directory) }
    var sharedInfoLayout: SharedInfoLayout { .arm }
    var addressBits: UInt8 { 40 }

    func complete(_ config: inout CreateDomain<ARMDomainConfig>) throws(XenError) {
        guard config.flags == CreateFlag.hvm | CreateFlag.hap, config.arch.sharedInterrupts <= 988 else { throw .einval }
        config.arch.gicVersion = 3
    }
    func stage2Format() throws(XenError) -> Stage2Format { Stage2Format(addressBits: 40) }
    func makeExtra(
        _ id: DomainID, _ config: CreateDomain<ARMDomainConfig>, root: MFN
    ) throws(XenError) -> NoExtra { NoExtra(host) }
    func makeVCPUExtra(_ id: VCPUID, of domain: Ref<Domain<FakePlatform>>) throws(XenError) -> NoExtra { NoExtra(host) }

    func furnish(_ domain: Ref<Domain<FakePlatform>>) throws(XenError) {
        let pages = GuestRange(start: GFN(0x3002), count: 2)
        let mapped = domain.pointee.p2m.withLock {
            $0.map(pages, to: MFN(0x8000), type: .deviceDirect, cache: FakeCache(host: host))
        }
        guard mapped else { throw .enomem }
    }

    func takeUnit() -> UInt16? {
        guard let unit = (0..<512).first(where: { !host.units.contains($0) }) else { return nil }
        host.units.insert(unit)
        return unit
    }
    func giveBackUnit(_ unit: UInt16) { host.units.remove(unit) }
    func admit(_ vcpu: Ref<VCPU<FakePlatform>>) { host.asleep.insert(vcpu.pointee.unit) }
    func dismiss(_ vcpu: Ref<VCPU<FakePlatform>>) {
        precondition(host.asleep.remove(vcpu.pointee.unit) != nil, "forgotten while it may run")
        host.units.remove(vcpu.pointee.unit)
    }
    func sleep(_ vcpu: Ref<VCPU<FakePlatform>>) { host.asleep.insert(vcpu.pointee.unit) }
    func endSleep(_ vcpu: Ref<VCPU<FakePlatform>>) { host.asleep.remove(vcpu.pointee.unit) }
    func waitUntilStopped(_ vcpu: Ref<VCPU<FakePlatform>>) {
        precondition(host.asleep.contains(vcpu.pointee.unit), "would wait for ever")
        host.waits += 1
    }
    func standing(of vcpu: Ref<VCPU<FakePlatform>>) -> VCPUStanding {
        VCPUStanding(isRunning: false, isBlocked: !host.asleep.contains(vcpu.pointee.unit), processor: 1)
    }

    func canRun(on processor: UInt32) -> Bool { processor < 4 }
    func move(_ vcpu: Ref<VCPU<FakePlatform>>, to processor: UInt32) {
        host.moves.append("\(vcpu.pointee.id.rawValue) to \(processor)")
    }

    func beginGrace() -> UInt64 {
        host.grace.begun += 1
        if !host.isSlow { host.grace.passed = host.grace.begun }
        return host.grace.begun
    }
    func graceHasPassed(_ period: UInt64) -> Bool { host.grace.passed >= period }

    func strayFrame(of domain: borrowing Domain<FakePlatform>, from place: inout UInt64) -> StrayFrame {
        guard place < UInt64(host.machine.frames) else { return .none }
        let frame = host.machine.base + place
        place += 1
        return owns(frame, domain) ? .found(frame) : .noneYet
    }

    func readContext(of vcpu: Ref<VCPU<FakePlatform>>, to address: GuestVirtualAddress) throws(XenError) {
        try guest.write(ARMVCPUContext(), at: address)
    }
    func writeContext(of vcpu: Ref<VCPU<FakePlatform>>, from address: GuestVirtualAddress) throws(XenError) {
        let context = try guest.read(ARMVCPUContext.self, at: address)
        vcpu.pointee.isInitialised.store(true, ordering: .relaxed)
        vcpu.pointee.isUp.store(context.flags & ARMVCPUContext.online != 0, ordering: .releasing)
    }
    func setAddressSize(_ bits: UInt32, of domain: Ref<Domain<FakePlatform>>) throws(XenError) {
        guard bits == 64 else { throw .einval }
    }

    var savedStateClock: UInt64 { 1000 }
    var savedStateProcessor: UInt32? { host.isX86 ? 0x800f12 : nil }
    func saveState(
        _ record: SavedRecord, of vcpu: Ref<VCPU<FakePlatform>>, to address: GuestVirtualAddress
    ) throws(XenError) {
        try guest.write(UInt64(record.length), at: address)
        try guest.write(0xee as UInt8, at: address + (UInt64(record.length) - 1))
    }
    func loadState(
        _ record: SavedRecord, length: UInt32, of vcpu: Ref<VCPU<FakePlatform>>, from address: GuestVirtualAddress,
        clock: UInt64
    ) throws(XenError) {
        let word = try guest.read(UInt64.self, at: address)
        host.loaded.append("\(record) of \(vcpu.pointee.id.rawValue): \(length) bytes, \(word), at \(clock)")
        if record == .cpu { setRunnable(vcpu, true) }
    }
}
