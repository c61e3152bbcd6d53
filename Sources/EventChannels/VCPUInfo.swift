// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

extension EventChannels {
    /// Machine address of a vCPU's vcpu_info, or nil while it has none.
    public func vcpuInfo(_ vcpu: VCPUID) -> MachineAddress? {
        guard let info = vcpus.element(vcpu.rawValue, in: frames)?.pointee.info.load(ordering: .acquiring), info != 0
        else { return nil }
        return MachineAddress(info)
    }

    /// Whether the guest masks events on this vCPU, or none is pending (x86 PV callers only have the mask).
    @inline(__always) public func isUpcallPending(_ vcpu: VCPUID) -> Bool {
        guard let info = vcpuInfo(vcpu) else { return false }
        let upcall = frames.atomic(UInt8.self, at: info + layout.upcallPending)
        return upcall.pointee.load(ordering: .relaxed) != 0
    }

    /// Moves a vCPU's vcpu_info to a place of the guest's choice, with what is in it. The vCPU is the caller or is
    /// down. Throws ENOENT; ENXIO for an offset that is not aligned or leaves the page; EINVAL for a second time or a
    /// page that cannot be used; ENOMEM.
    ///
    /// Afterwards everything is marked as pending: an event that was being sent may have gone to the old place.
    ///
    /// Xen: VCPUOP_register_vcpu_info
    public func registerVCPUInfo(
        vcpu: VCPUID, gfn: GFN, offset: UInt32, _ mapper: some GuestFrameMapper, _ sink: some EventSink<VCPU>
    ) throws(XenError) {
        let target = try existingVCPU(vcpu.rawValue)
        let size = UInt32(truncatingIfNeeded: layout.vcpuInfoSize)
        let alignment = layout.wordBits / 8
        guard offset <= UInt32(pageSize) - size && offset & (alignment - 1) == 0 else { throw .enxio }
        try administration.withLock { (_: inout Administration) throws(XenError) in
            guard !target.pointee.infoIsRegistered.load(ordering: .relaxed) else { throw .einval }
            let place = try mapper.pin(gfn).address + UInt64(offset)
            copyVCPUInfo(from: target.pointee.info.load(ordering: .relaxed), to: place)
            target.pointee.infoIsRegistered.store(true, ordering: .relaxed)
            // Before everything is marked: a sender that still has the old place set its pending bit before.
            target.pointee.info.store(place.rawValue, ordering: .sequentiallyConsistent)
            markAllPending(target, place, sink)
        }
    }

    /// Word by word: the guest may write to either place meanwhile, which hurts nobody else.
    private func copyVCPUInfo(from old: UInt64, to new: MachineAddress) {
        for offset in stride(from: UInt64(0), to: layout.vcpuInfoSize, by: 4) {
            let value = old == 0 ? 0 : word(MachineAddress(old) + offset).pointee.load(ordering: .relaxed)
            word(new + offset).pointee.store(value, ordering: .relaxed)
        }
    }

    private func markAllPending(
        _ vcpu: Ref<VCPUEvents<VCPU>>, _ info: MachineAddress, _ sink: some EventSink<VCPU>
    ) {
        for half in 0..<UInt64(layout.wordBits / 32) {
            let selector = info + layout.pendingSelector + half * 4
            word(selector).pointee.store(~0, ordering: .sequentiallyConsistent)
        }
        raiseUpcall(vcpu, info: info.rawValue, 0, sink)
    }

    /// Undoes every registration: for a domain that ends or resets.
    ///
    /// Xen: unmap_vcpu_info
    func forgetVCPUInfo(_ mapper: some GuestFrameMapper) {
        for number in 0..<vcpus.count {
            guard let vcpu = vcpus.element(number, in: frames) else { return }
            guard vcpu.pointee.infoIsRegistered.exchange(false, ordering: .relaxed) else { continue }
            let info = vcpu.pointee.info.exchange(0, ordering: .sequentiallyConsistent)
            mapper.unpin(MachineAddress(info).frame)
        }
    }
}
