// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

extension EventChannels {
    /// Bytes of a control block.
    private var controlBlockSize: UInt32 { 72 }

    /// Gives a vCPU its control block. The first one switches the domain to the FIFO ABI. Returns the bits of a link.
    ///
    /// Throws ENOENT for the vCPU; EINVAL for an offset that is not 8-aligned or leaves the page, a page that cannot be
    /// used, a second block for a vCPU, or another ABI than 2-level before; ENOMEM. Nothing has changed then.
    ///
    /// Xen: EVTCHNOP_init_control
    public func initControl(
        vcpu: UInt32, gfn: GFN, offset: UInt32, _ mapper: some GuestFrameMapper
    ) throws(XenError) -> UInt8 {
        let target = try existingVCPU(vcpu)
        guard offset <= UInt32(pageSize) - controlBlockSize && offset & 7 == 0 else { throw .einval }
        return try administration.withLock { (_: inout Administration) throws(XenError) in
            guard abi != .threeLevel else { throw .einval }
            guard target.pointee.control.load(ordering: .relaxed) == 0 else { throw .einval }
            let frame = try mapper.pin(gfn)
            target.pointee.control.store(frame.address.rawValue + UInt64(offset), ordering: .releasing)
            if abi == .twoLevel { switchToFIFO() }
            return EventFIFO.linkBits
        }
    }

    /// Starts with an empty array; every event that is pending is parked until its word has a page.
    private func switchToFIFO() {
        abiWord.store(ABI.fifo.rawValue, ordering: .sequentiallyConsistent)
        let end = min(ports.count, EventTwoLevel.ports(wordBits: layout.wordBits))
        for number in 1..<end {
            guard let entry = port(number) else { break }
            entry.pointee.updateDelivery { $0.priority = EventFIFO.defaultPriority }
            if entry.pointee.delivery.isUsable && testBit(number, pendingBitmap) { entry.pointee.park() }
        }
    }

    /// Adds a page to the event array and delivers what was parked for its ports. Throws EOPNOTSUPP before
    /// `initControl`, ENOSPC past 128 pages, EINVAL for a page that cannot be used, ENOMEM.
    ///
    /// Xen: EVTCHNOP_expand_array
    public func expandArray(
        gfn: GFN, _ mapper: some GuestFrameMapper, _ sink: some EventSink<VCPU>
    ) throws(XenError) {
        try administration.withLock { (_: inout Administration) throws(XenError) in
            guard abi == .fifo else { throw .eopnotsupp }
            let first = words.load(ordering: .relaxed)
            guard first < EventFIFO.ports else { throw .enospc }
            let frame = try mapper.pin(gfn)
            pages[Int(first / EventFIFO.wordsPerPage) & 127].store(frame.address.rawValue, ordering: .releasing)
            words.store(first + EventFIFO.wordsPerPage, ordering: .sequentiallyConsistent)
            for number in first..<first + EventFIFO.wordsPerPage {
                guard let entry = port(number) else { break }
                if entry.pointee.unpark() { deliverFIFO(number, entry, entry.pointee.delivery, sink) }
            }
        }
    }

    /// Gives back what an extended ABI uses, and returns to 2-level. Every port that a guest could use is closed.
    func returnToTwoLevel(_ mapper: some GuestFrameMapper) {
        // What was pending when the domain left 2-level has been delivered since: it must not come again.
        for offset in stride(from: UInt64(0), to: UInt64(layout.wordBits * layout.wordBits / 8), by: 4) {
            word(pendingBitmap + offset).pointee.store(0, ordering: .relaxed)
        }
        abiWord.store(ABI.twoLevel.rawValue, ordering: .sequentiallyConsistent)
        words.store(0, ordering: .sequentiallyConsistent)
        for number in pages.indices {
            let page = pages[number].exchange(0, ordering: .acquiringAndReleasing)
            if page != 0 { mapper.unpin(MachineAddress(page).frame) }
        }
        for number in 0..<vcpus.count {
            guard let vcpu = vcpus.element(number, in: frames) else { break }
            let control = vcpu.pointee.control.exchange(0, ordering: .acquiringAndReleasing)
            if control != 0 { mapper.unpin(MachineAddress(control).frame) }
            for priority in vcpu.pointee.queues.indices { vcpu.pointee.queues[priority].withLock { $0 = 0 } }
        }
    }
}
