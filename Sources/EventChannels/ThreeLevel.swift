// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

// The 3-level ABI, our own: as 2-level with one selector more. The bitmaps are pages that the guest gives, so there is
// room for W^3 ports, W being the bits of its word. A pending bit is announced in the vCPU's second-level selector (W
// words, also the guest's page), that in evtchn_pending_sel, that by the upcall.
//
// It is registered in two steps, bitmaps and then one selector per vCPU. In between, an event for a vCPU without a
// selector sets its pending bit only; registering the selector announces everything.
extension EventChannels {
    @inline(__always)
    func deliverThreeLevel(_ number: UInt32, _ delivery: Delivery, _ sink: some EventSink<VCPU>) {
        guard let pending = bitmapWord(number, first: 0), let mask = bitmapWord(number, first: 8) else { return }
        let bit = UInt32(1) << (number & 31)
        guard let old = pending.pointee.setBits(bit) else { return lost(number, delivery, sink) }
        if old & bit != 0 { return }
        // After the write of pending, as in 2-level.
        if mask.pointee.load(ordering: .sequentiallyConsistent) & bit == 0 {
            raiseSecondSelector(number, delivery, sink)
        }
        wakePollers(number, sink)
    }

    func unmaskThreeLevel(_ number: UInt32, _ delivery: Delivery, _ sink: some EventSink<VCPU>) {
        guard let pending = bitmapWord(number, first: 0), let mask = bitmapWord(number, first: 8) else { return }
        let bit = UInt32(1) << (number & 31)
        guard let old = mask.pointee.clearBits(bit) else { return lost(number, delivery, sink) }
        guard old & bit != 0 else { return }
        if pending.pointee.load(ordering: .sequentiallyConsistent) & bit != 0 {
            raiseSecondSelector(number, delivery, sink)
        }
    }

    func clearPendingThreeLevel(_ number: UInt32) {
        _ = bitmapWord(number, first: 0)?.pointee.clearBits(1 << (number & 31))
    }

    func testThreeLevel(_ number: UInt32, first: Int) -> Bool? {
        bitmapWord(number, first: first).map {
            $0.pointee.load(ordering: .sequentiallyConsistent) & 1 << (number & 31) != 0
        }
    }

    /// Where a port's bit is in the bitmap whose pages begin at `first`.
    @inline(__always) private func bitmapWord(_ number: UInt32, first: Int) -> Ref<Atomic<UInt32>>? {
        guard number < words.load(ordering: .acquiring) else { return nil }
        let page = pages[first + Int(number >> 15) & 7].load(ordering: .relaxed)
        return word(MachineAddress(page) + UInt64((number & 0x7FFF) >> 5) * 4)
    }

    /// Announces a pending port in the vCPU's second-level selector.
    @inline(__always)
    private func raiseSecondSelector(_ number: UInt32, _ delivery: Delivery, _ sink: some EventSink<VCPU>) {
        guard let vcpu = vcpus.element(delivery.vcpu, in: frames) else { return }
        // After the write of pending: `registerSelector` announces everything after it has published the address.
        let selector = vcpu.pointee.control.load(ordering: .sequentiallyConsistent)
        if selector == 0 { return }
        let index = number >> wordShift
        let bit = UInt32(1) << (index & 31)
        guard let old = word(MachineAddress(selector) + UInt64(index >> 5) * 4).pointee.setBits(bit) else {
            return lost(number, delivery, sink)
        }
        if old & bit == 0 { raiseSelector(number, vcpu: delivery.vcpu, bit: index >> wordShift, sink) }
    }

    // MARK: Registering

    /// Pages of each bitmap: 8 for words of 64 bits, 1 for 32.
    public var threeLevelPages: UInt32 { layout.wordBits == 64 ? 8 : 1 }

    /// First step: the bitmaps. Switches the domain to the 3-level ABI, with what is pending and masked carried over.
    ///
    /// Throws EINVAL for a wrong number of pages, padding, a frame named twice or unusable, or another ABI than 2-level
    /// before; ENOMEM. Nothing has changed then. Who may do it is the caller's to know.
    public func registerBitmaps(
        _ bitmaps: EventRegister3LevelBitmaps, _ mapper: some GuestFrameMapper
    ) throws(XenError) {
        var list = InlineArray<16, UInt64>(repeating: 0)
        for index in 0..<8 {
            list[index] = bitmaps.pendingGFN[index]
            list[8 + index] = bitmaps.maskGFN[index]
        }
        try administration.withLock { (_: inout Administration) throws(XenError) in
            guard bitmaps.nrPages == threeLevelPages && bitmaps.pad == 0 && !hasDuplicates(bitmaps), abi == .twoLevel else {
                throw .einval
            }
            let pinned = try pinAll(list, Int(threeLevelPages), mapper)
            for index in pinned.indices { pages[index].store(pinned[index], ordering: .relaxed) }
            words.store(threeLevelPages << 15, ordering: .releasing)
            switchToThreeLevel()
        }
    }

    private func hasDuplicates(_ bitmaps: EventRegister3LevelBitmaps) -> Bool {
        for index in 0..<Int(threeLevelPages) {
            for other in 0..<Int(threeLevelPages) {
                if bitmaps.pendingGFN[index] == bitmaps.maskGFN[other] { return true }
                if index == other { continue }
                if bitmaps.pendingGFN[index] == bitmaps.pendingGFN[other] { return true }
                if bitmaps.maskGFN[index] == bitmaps.maskGFN[other] { return true }
            }
        }
        return false
    }

    /// Pins `count` frames from 0 on and from 8 on, or none. Returns their machine addresses in the same places.
    private func pinAll(
        _ list: InlineArray<16, UInt64>, _ count: Int, _ mapper: some GuestFrameMapper
    ) throws(XenError) -> InlineArray<16, UInt64> {
        var pinned = InlineArray<16, UInt64>(repeating: 0)
        for index in list.indices where index & 7 < count {
            do throws(XenError) {
                pinned[index] = try mapper.pin(GFN(list[index])).address.rawValue
            } catch {
                for done in pinned.indices where pinned[done] != 0 {
                    mapper.unpin(MachineAddress(pinned[done]).frame)
                }
                throw error
            }
        }
        return pinned
    }

    /// Carries the 2-level bitmaps over. Port numbers keep their places, so it is a copy of the first words.
    private func switchToThreeLevel() {
        let bytes = UInt64(layout.wordBits * layout.wordBits / 8)
        for offset in stride(from: UInt64(0), to: bytes, by: 4) {
            let mask = word(maskBitmap + offset).pointee.load(ordering: .relaxed)
            word(MachineAddress(pages[8].load(ordering: .relaxed)) + offset).pointee.store(mask, ordering: .relaxed)
        }
        // Published before the pending bits are read: a sender that set one in the old place looks again.
        abiWord.store(ABI.threeLevel.rawValue, ordering: .sequentiallyConsistent)
        for offset in stride(from: UInt64(0), to: bytes, by: 4) {
            let pending = word(pendingBitmap + offset).pointee.load(ordering: .sequentiallyConsistent)
            // A guest that keeps this from working loses its own events.
            _ = word(MachineAddress(pages[0].load(ordering: .relaxed)) + offset).pointee.setBits(pending)
        }
    }

    /// Second step: a vCPU's second-level selector. Everything is announced in it.
    ///
    /// Throws ENOENT for the vCPU; EOPNOTSUPP before the first step; EINVAL for an offset that is not 8-aligned or
    /// leaves the page, a second selector for a vCPU, a page that cannot be used; ENOMEM.
    public func registerSelector(
        vcpu: UInt32, gfn: GFN, offset: UInt32, _ mapper: some GuestFrameMapper, _ sink: some EventSink<VCPU>
    ) throws(XenError) {
        let target = try existingVCPU(vcpu)
        try administration.withLock { (_: inout Administration) throws(XenError) in
            // The words are the domain's for as long as it has this ABI.
            let size = layout.wordBits * layout.wordBits / 8
            guard offset <= UInt32(pageSize) - size && offset & 7 == 0 else { throw .einval }
            guard abi == .threeLevel else { throw .eopnotsupp }
            guard target.pointee.control.load(ordering: .relaxed) == 0 else { throw .einval }
            let place = try mapper.pin(gfn).address + UInt64(offset)
            target.pointee.control.store(place.rawValue, ordering: .sequentiallyConsistent)
            announceAll(target, vcpu, place, sink)
        }
    }

    /// Sets the selector bits of every port that there is: the guest looks at words that may be empty.
    private func announceAll(
        _ vcpu: Ref<VCPUEvents<VCPU>>, _ number: UInt32, _ selector: MachineAddress, _ sink: some EventSink<VCPU>
    ) {
        let last = (min(ports.count, abiPorts) &- 1) >> wordShift
        for offset in 0...last >> 5 {
            word(selector + UInt64(offset) * 4).pointee.store(~0, ordering: .sequentiallyConsistent)
        }
        for bit in 0...last >> wordShift { raiseSelector(0, vcpu: number, bit: bit, sink) }
    }
}
