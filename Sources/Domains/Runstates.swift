// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
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
    public func runstateInformation(now: SystemTime) -> RunstateInfo<Caller64> {
        runstate.withLock { $0.information(for: Caller64.self, now: now) }
    }

    /// From now on the guest finds the vCPU's runstate at `area`, a virtual address of its own; 0 ends it.
    ///
    /// The caller is of this domain and runs on this pCPU. What cannot be written there is not, as in Xen.
    ///
    /// Xen: VCPUOP_register_runstate_memory_area
    public func registerRunstateArea(_ area: GuestVirtualAddress, _ platform: P) {
        runstateArea.store(area.rawValue, ordering: .relaxed)
        if area.rawValue == 0 { return }
        try? platform.guest.write(runstateInformation(now: platform.now()), at: area)
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
        var information = runstate.withLock { $0.information(for: Caller64.self) }
        let assist = UInt64(1) << UInt64(VMAssist.runstateUpdateFlag.rawValue)
        guard domain.pointee.assists.load(ordering: .relaxed) & assist != 0 else {
            try? platform.guest.write(information, at: area)
            return
        }
        // The flag is in the last byte of the entry time, at offset 15.
        let flagged = area + 15
        information.entryTime |= RunstateInfo<Caller64>.update
        try? platform.guest.write(UInt8(truncatingIfNeeded: information.entryTime >> 56), at: flagged)
        atomicMemoryFence(ordering: .releasing)
        try? platform.guest.write(information, at: area)
        atomicMemoryFence(ordering: .releasing)
        information.entryTime &= ~RunstateInfo<Caller64>.update
        try? platform.guest.write(UInt8(truncatingIfNeeded: information.entryTime >> 56), at: flagged)
    }
}

extension VCPU {
    /// Nanoseconds that it ran, up to `now`.
    public func cpuTime(now: SystemTime) -> UInt64 { runstate.withLock { $0.time(in: .running, now: now) } }
}
