// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import XenABI

@testable import EventChannels

/// The operations on a copyable value, because `#expect` copies what it looks at.
struct Operations {
    let ref: Ref<Events>

    var abi: ABI { ref.pointee.abi }
    var threeLevelPages: UInt32 { ref.pointee.threeLevelPages }
    var portCount: UInt32 { ref.pointee.ports.count }

    func allocateUnbound(for remote: DomainID) throws(XenError) -> UInt32 {
        try ref.pointee.allocateUnbound(for: remote)
    }
    func allocateUnbound(for remote: DomainID, vcpu: VCPUID, consumer: XenConsumer) throws(XenError) -> UInt32 {
        try ref.pointee.allocateUnbound(for: remote, vcpu: vcpu, consumer: consumer)
    }
    func bindIPI(vcpu: UInt32) throws(XenError) -> UInt32 { try ref.pointee.bindIPI(vcpu: vcpu) }
    func bindVIRQ(_ virq: UInt32, vcpu: UInt32) throws(XenError) -> UInt32 {
        try ref.pointee.bindVIRQ(virq, vcpu: vcpu)
    }
    func bindPIRQ(_ pirq: UInt32) throws(XenError) -> UInt32 { try ref.pointee.bindPIRQ(pirq) }
    func bindVCPU(port: UInt32, vcpu: UInt32, _ sink: TestSink) throws(XenError) {
        try ref.pointee.bindVCPU(port: port, vcpu: vcpu, sink)
    }
    func setPriority(port: UInt32, priority: UInt32) throws(XenError) {
        try ref.pointee.setPriority(port: port, priority: priority)
    }
    func close(_ port: UInt32, byGuest: Bool = true) throws(XenError) { try ref.pointee.close(port, byGuest: byGuest) }
    func send(from port: UInt32, _ sink: TestSink) throws(XenError) { try ref.pointee.send(from: port, sink) }
    func notify(from port: UInt32, _ sink: TestSink) { ref.pointee.notify(from: port, sink) }
    func raise(_ virq: VIRQ, vcpu: VCPUID, _ sink: TestSink) { ref.pointee.raise(virq, vcpu: vcpu, sink) }
    func raiseGlobal(_ virq: VIRQ, _ sink: TestSink) { ref.pointee.raiseGlobal(virq, sink) }
    func raisePIRQ(_ pirq: UInt32, _ sink: TestSink) { ref.pointee.raisePIRQ(pirq, sink) }
    func isBound(_ virq: VIRQ, vcpu: VCPUID) -> Bool { ref.pointee.isBound(virq, vcpu: vcpu) }
    func unmask(_ port: UInt32, _ sink: TestSink) throws(XenError) { try ref.pointee.unmask(port, sink) }
    func status(port: UInt32, _ status: inout EventStatus) throws(XenError) {
        try ref.pointee.status(port: port, &status)
    }
    func isPending(polled port: UInt32) throws(XenError) -> Bool { try ref.pointee.isPending(polled: port) }
    func isLinked(_ port: UInt32) -> Bool { ref.pointee.isLinked(port) }
    func isMasked(_ port: UInt32) -> Bool { ref.pointee.isMasked(port) }
    func beginPoll(_ vcpu: VCPUID) { ref.pointee.beginPoll(vcpu) }
    func narrowPoll(_ vcpu: VCPUID, to port: UInt32) { ref.pointee.narrowPoll(vcpu, to: port) }
    @discardableResult func endPoll(_ vcpu: VCPUID) -> Bool { ref.pointee.endPoll(vcpu) }
    func initControl(vcpu: UInt32, gfn: GFN, offset: UInt32, _ domain: TestDomain) throws(XenError) -> UInt8 {
        try ref.pointee.initControl(vcpu: vcpu, gfn: gfn, offset: offset, domain)
    }
    func expandArray(gfn: GFN, _ domain: TestDomain, _ sink: TestSink) throws(XenError) {
        try ref.pointee.expandArray(gfn: gfn, domain, sink)
    }
    func registerBitmaps(_ bitmaps: EventRegister3LevelBitmaps, _ domain: TestDomain) throws(XenError) {
        try ref.pointee.registerBitmaps(bitmaps, domain)
    }
    func registerSelector(
        vcpu: UInt32, gfn: GFN, offset: UInt32, _ domain: TestDomain, _ sink: TestSink
    ) throws(XenError) {
        try ref.pointee.registerSelector(vcpu: vcpu, gfn: gfn, offset: offset, domain, sink)
    }
    func registerVCPUInfo(
        vcpu: VCPUID, gfn: GFN, offset: UInt32, _ domain: TestDomain, _ sink: TestSink
    ) throws(XenError) {
        try ref.pointee.registerVCPUInfo(vcpu: vcpu, gfn: gfn, offset: offset, domain, sink)
    }
    func vcpuInfo(_ vcpu: VCPUID) -> MachineAddress? { ref.pointee.vcpuInfo(vcpu) }
    func isUpcallPending(_ vcpu: VCPUID) -> Bool { ref.pointee.isUpcallPending(vcpu) }
    func addVCPU(_ vcpu: Name) throws(XenError) { try ref.pointee.addVCPU(vcpu) }
    func reset(resuming: Bool, _ domain: TestDomain, mustYield: () -> Bool) throws(XenError) -> Bool {
        try ref.pointee.reset(resuming: resuming, domain, mustYield: mustYield)
    }
    func close(_ domain: TestDomain, mustYield: () -> Bool) -> Bool { ref.pointee.close(domain, mustYield: mustYield) }
}
