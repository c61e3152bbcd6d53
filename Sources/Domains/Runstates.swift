// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import EventChannels
import Machine
import Memory
import Sync
import Synchronization
import Timekeeping
public import XenABI

extension VCPU {
    /// Tells what the vCPU does from `now` on. The scheduler calls it at every change.
    ///
    /// Xen: vcpu_runstate_change
    @inline(__always) public func changeRunstate(to state: Runstate, now: SystemTime) {
        runstate.withLock { $0.change(to: state, now: now) }
    }

    /// Nanoseconds in each state up to `now`.
    public func runstateInformation<Caller: CallerABI>(for caller: Caller.Type, now: SystemTime) -> RunstateInfo<Caller> {
        runstate.withLock { $0.information(for: caller, now: now) }
    }

    /// From now on the guest finds the vCPU's runstate at `area`, a virtual address of its own; 0 ends it.
    ///
    /// The caller is of this domain and runs on this pCPU; the area is written as it lays it out, later as shared_info is.
    /// What cannot be written there is not, as in Xen.
    ///
    /// Xen: VCPUOP_register_runstate_memory_area
    public func registerRunstateArea<Caller: CallerABI>(
        _ area: GuestVirtualAddress, for caller: Caller.Type, _ platform: P
    ) {
        runstateArea.store(area.rawValue, ordering: .relaxed)
        if area.rawValue == 0 { return }
        try? platform.guest.write(runstateInformation(for: caller, now: platform.now()), at: area)
    }

    /// Writes the vCPU's runstate where the guest wants it. The vCPU runs on this pCPU: called each time that it comes to
    /// or leaves one, with its address space in place.
    ///
    /// Where the domain asked for it, `RunstateInfo.update` is set in the entry time meanwhile, so that a reader on another
    /// vCPU does not take half of it for all.
    ///
    /// Xen: update_runstate_area
    @inline(__always) public func publishRunstate(_ platform: P) {
        let area = runstateArea.load(ordering: .relaxed)
        if area != 0 { publishRunstate(at: GuestVirtualAddress(area), platform) }
    }

    @inline(never) private func publishRunstate(at area: GuestVirtualAddress, _ platform: P) {
        if domain.pointee.events.pointee.layout.wordBits == 32 {
            publishRunstate(at: area, for: Caller32.self, platform)
        } else {
            publishRunstate(at: area, for: Caller64.self, platform)
        }
    }

    private func publishRunstate<Caller: CallerABI>(
        at area: GuestVirtualAddress, for caller: Caller.Type, _ platform: P
    ) {
        var information = runstate.withLock { $0.information(for: caller) }
        let assist = UInt64(1) << UInt64(VMAssist.runstateUpdateFlag.rawValue)
        guard domain.pointee.assists.load(ordering: .relaxed) & assist != 0 else {
            try? platform.guest.write(information, at: area)
            return
        }
        // The flag is in the last byte of the entry time, which follows one word.
        let flagged = area + UInt64(MemoryLayout<Caller.Word>.size + 7)
        let time = information.entryTime.wide
        information.entryTime = Caller.Quad(lowBits: time | RunstateInfo<Caller>.update)
        try? platform.guest.write(UInt8(truncatingIfNeeded: information.entryTime.wide >> 56), at: flagged)
        atomicMemoryFence(ordering: .releasing)
        try? platform.guest.write(information, at: area)
        atomicMemoryFence(ordering: .releasing)
        try? platform.guest.write(UInt8(truncatingIfNeeded: time >> 56), at: flagged)
    }
}

extension VCPU {
    /// Nanoseconds that it ran, up to `now`.
    public func cpuTime(now: SystemTime) -> UInt64 { runstate.withLock { $0.time(in: .running, now: now) } }
}
