// SPDX-License-Identifier: Apache-2.0

import Base
public import Containers
import Machine
import Sync
import Synchronization
public import XenABI

extension EventChannels {
    /// Closes every port of the guest's and returns to the 2-level ABI. Stops now and then to ask `mustYield`; true
    /// means that all is done, false that the caller is to come again with `resuming`.
    ///
    /// Throws EBUSY while another reset is under way, EAGAIN where ports were bound meanwhile. The caller has checked
    /// that the domain is its own or is paused.
    ///
    /// Xen: EVTCHNOP_reset
    public func reset(
        resuming: Bool, _ mapper: some GuestFrameMapper, mustYield: () -> Bool
    ) throws(XenError) -> Bool {
        var next = try administration.withLock { (state: inout Administration) throws(XenError) in
            if !resuming {
                guard state.resetNext == 0 else { throw XenError.ebusy }
                state.resetNext = 1
            }
            guard state.resetNext != 0 else { throw XenError.ebusy }
            return state.resetNext
        }
        while next < ports.count && hasGuestPorts {
            _ = try? close(next)
            next += 1
            if next & 63 == 0 && mustYield() {
                administration.withLock { $0.resetNext = next }
                return false
            }
        }
        try administration.withLock { (state: inout Administration) throws(XenError) in
            state.resetNext = 0
            guard state.active == state.heldByXen else { throw .eagain }
            if abi != .twoLevel { returnToTwoLevel(mapper) }
        }
        return true
    }

    private var hasGuestPorts: Bool { administration.withLock { $0.active > $0.heldByXen } }

    /// Closes every port of a domain that is being destroyed; new ones are refused from now on. Stops as `reset` does:
    /// true means that all is done.
    ///
    /// Xen: evtchn_destroy
    public func close(_ mapper: some GuestFrameMapper, mustYield: () -> Bool) -> Bool {
        var next = administration.withLock { state in
            if !state.dying {
                state.dying = true
                state.resetNext = 1
            }
            return state.resetNext
        }
        while next < ports.count && administration.withLock({ $0.active > 0 }) {
            _ = try? close(next, byGuest: false)
            next += 1
            if next & 63 == 0 && mustYield() {
                administration.withLock { $0.resetNext = next }
                return false
            }
        }
        administration.withLock { _ in
            returnToTwoLevel(mapper)
            forgetVCPUInfo(mapper)
        }
        return true
    }

    /// Frees the memory, after `close`, once nobody can refer to it any more.
    ///
    /// Xen: evtchn_destroy_final
    public static func destroy(_ box: consuming FrameBox<Self>) {
        let frames = box.ref.pointee.frames
        box.take(freeing: frames).freeTables()
    }
}
