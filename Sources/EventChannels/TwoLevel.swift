// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization
import XenABI

// The 2-level ABI: a bit per port in shared_info says that it is pending, another that it is masked; a bit per word of
// those in vcpu_info.evtchn_pending_sel says where to look. Order matters: pending, then selector, then upcall; the
// guest clears them in the opposite order (xen.h: struct shared_info).
//
// Bitmaps are little-endian words of the guest's size, so that 32-bit accesses find the same bits for all guests.
extension EventChannels {
    @inline(__always)
    func deliverTwoLevel(
        _ number: UInt32, _ delivery: Delivery, _ sink: some EventSink<VCPU>
    ) {
        guard number < EventTwoLevel.ports(wordBits: layout.wordBits) else { return }
        let bit = UInt32(1) << (number & 31)
        let offset = UInt64(number >> 5) * 4
        guard let old = word(pendingBitmap + offset).pointee.setBits(bit) else { return lost(number, delivery, sink) }
        if old & bit != 0 { return }
        // After the write of pending: pairs with the guest, which clears its mask bit and then looks at pending.
        if word(maskBitmap + offset).pointee.load(ordering: .sequentiallyConsistent) & bit == 0 {
            raiseSelector(number, vcpu: delivery.vcpu, bit: number >> wordShift, sink)
        }
        wakePollers(number, sink)
    }

    func unmaskTwoLevel(
        _ number: UInt32, _ delivery: Delivery, _ sink: some EventSink<VCPU>
    ) {
        guard number < EventTwoLevel.ports(wordBits: layout.wordBits) else { return }
        let bit = UInt32(1) << (number & 31)
        let offset = UInt64(number >> 5) * 4
        guard let mask = word(maskBitmap + offset).pointee.clearBits(bit) else { return lost(number, delivery, sink) }
        guard mask & bit != 0 else { return }
        if word(pendingBitmap + offset).pointee.load(ordering: .sequentiallyConsistent) & bit != 0 {
            raiseSelector(number, vcpu: delivery.vcpu, bit: number >> wordShift, sink)
        }
    }

    /// log2 of the bits in the guest's word.
    @inline(__always) var wordShift: UInt32 { layout.wordBits == 64 ? 6 : 5 }

    func testBit(_ number: UInt32, _ bitmap: MachineAddress) -> Bool {
        guard number < EventTwoLevel.ports(wordBits: layout.wordBits) else { return false }
        let value = word(bitmap + UInt64(number >> 5) * 4).pointee.load(ordering: .sequentiallyConsistent)
        return value & 1 << (number & 31) != 0
    }

    /// A guest that keeps this from working keeps a stale event.
    func clearBit(_ number: UInt32, _ bitmap: MachineAddress) {
        guard number < EventTwoLevel.ports(wordBits: layout.wordBits) else { return }
        _ = word(bitmap + UInt64(number >> 5) * 4).pointee.clearBits(1 << (number & 31))
    }

    @inline(never)
    func lost(
        _ number: UInt32, _ delivery: Delivery, _ sink: some EventSink<VCPU>, _ reason: LostEvent = .contention
    ) {
        guard let vcpu = vcpus.element(delivery.vcpu, in: frames) else { return }
        sink.eventLost(vcpu.pointee.vcpu, port: number, reason)
    }
}
