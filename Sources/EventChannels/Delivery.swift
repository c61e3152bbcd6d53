// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

// The three ABIs behind one interface. Which one a domain uses changes only under its lock: from 2-level at any time,
// back to 2-level only with all ports closed.
extension EventChannels {
    /// The ABI in use.
    public var abi: ABI {
        @inline(__always) get { ABI(rawValue: abiWord.load(ordering: .acquiring)) ?? .twoLevel }
    }

    /// Makes a port pending and tells its vCPU. Some lock that closing the port takes is held: this domain's port's, or
    /// for an event that comes in the lock of the other end.
    ///
    /// Not inlined, so that every way of sending shares one copy.
    @inline(never)
    func deliver(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ sink: some EventSink<VCPU>
    ) -> Sent {
        let delivery = entry.pointee.delivery
        guard delivery.isUsable else { return delivery.consumer == 0 ? .delivered : .forXen }
        switch abi {
        case .twoLevel:
            deliverTwoLevel(number, delivery, sink)
            // A change of ABI looks for pending bits after it is published: it saw ours, or we see it.
            if abiWord.load(ordering: .sequentiallyConsistent) != ABI.twoLevel.rawValue {
                redeliver(number, entry, sink)
            }
        case .fifo: deliverFIFO(number, entry, delivery, sink)
        case .threeLevel: deliverThreeLevel(number, delivery, sink)
        }
        return .delivered
    }

    /// As `deliver`, where the ABI has changed meanwhile. It changes once.
    @inline(never)
    private func redeliver(_ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ sink: some EventSink<VCPU>) {
        switch abi {
        case .twoLevel: break
        case .fifo: deliverFIFO(number, entry, entry.pointee.delivery, sink)
        case .threeLevel: deliverThreeLevel(number, entry.pointee.delivery, sink)
        }
    }

    func clearPending(_ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>) {
        switch abi {
        case .twoLevel: clearBit(number, pendingBitmap)
        case .fifo: clearPendingFIFO(number, entry)
        case .threeLevel: clearPendingThreeLevel(number)
        }
    }

    func isPending(_ number: UInt32) -> Bool {
        switch abi {
        case .twoLevel: testBit(number, pendingBitmap)
        case .fifo: testFIFO(number, EventFIFO.pending) ?? false
        case .threeLevel: testThreeLevel(number, first: 0) ?? false
        }
    }

    func isMasked(_ number: UInt32) -> Bool {
        switch abi {
        case .twoLevel: testBit(number, maskBitmap)
        case .fifo: testFIFO(number, EventFIFO.masked) ?? true
        case .threeLevel: testThreeLevel(number, first: 8) ?? true
        }
    }

    /// FIFO: the guest has the port in a queue still.
    func isLinked(_ number: UInt32) -> Bool { abi == .fifo && testFIFO(number, EventFIFO.linked) ?? false }

    /// Unmasks a port and tells its vCPU if an event is pending. Throws EINVAL.
    ///
    /// Xen: EVTCHNOP_unmask
    public func unmask(_ number: UInt32, _ sink: some EventSink<VCPU>) throws(XenError) {
        guard let entry = port(number) else { throw .einval }
        entry.pointee.lock.withLock { binding in
            guard binding.isUsable else { return }
            let delivery = entry.pointee.delivery
            switch abi {
            case .twoLevel: unmaskTwoLevel(number, delivery, sink)
            case .fifo: unmaskFIFO(number, entry, delivery, sink)
            case .threeLevel: unmaskThreeLevel(number, delivery, sink)
            }
        }
    }

    // MARK: The last step of every ABI

    /// Sets evtchn_upcall_pending and interrupts the vCPU, unless it was set.
    @inline(__always)
    func raiseUpcall(
        _ vcpu: Ref<VCPUEvents<VCPU>>, info: UInt64, _ number: UInt32, _ sink: some EventSink<VCPU>
    ) {
        let upcall = frames.atomic(UInt8.self, at: MachineAddress(info) + layout.upcallPending)
        switch upcall.pointee.replace(by: 1) {
        case 0: sink.raiseUpcall(vcpu.pointee.vcpu)
        case nil: sink.eventLost(vcpu.pointee.vcpu, port: number, .contention)
        default: break
        }
    }

    /// Sets a bit of the vCPU's evtchn_pending_sel, and raises the upcall if it was clear.
    @inline(__always)
    func raiseSelector(
        _ number: UInt32, vcpu index: UInt32, bit: UInt32, _ sink: some EventSink<VCPU>
    ) {
        guard let vcpu = vcpus.element(index, in: frames) else { return }
        let info = vcpu.pointee.info.load(ordering: .sequentiallyConsistent)
        // Without vcpu_info nothing is lost: registering one marks everything as pending.
        if info == 0 { return }
        let selector = MachineAddress(info) + layout.pendingSelector + UInt64(bit >> 5) * 4
        guard let old = word(selector).pointee.setBits(1 << (bit & 31)) else {
            return sink.eventLost(vcpu.pointee.vcpu, port: number, .contention)
        }
        if old & 1 << (bit & 31) == 0 { raiseUpcall(vcpu, info: info, number, sink) }
    }
}
