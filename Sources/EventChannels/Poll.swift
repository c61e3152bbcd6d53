// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

// SCHEDOP_poll: the caller blocks its vCPU, says here that it polls, looks at the ports (`isPending(polled:)`), and
// goes to sleep unless one is pending. An event that comes after `beginPoll` finds the poller; one that came before is
// seen by looking. Whoever wakes a poller ends its poll.
extension EventChannels {
    /// The vCPU polls: any event may concern it, until `narrowPoll`.
    public func beginPoll(_ vcpu: VCPUID) {
        guard let entry = vcpus.element(vcpu.rawValue, in: frames) else { return }
        if entry.pointee.poll.exchange(VCPUEvents<VCPU>.anyPort, ordering: .sequentiallyConsistent) == 0 {
            pollers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Only events of this port concern the vCPU, if it still polls.
    public func narrowPoll(_ vcpu: VCPUID, to number: UInt32) {
        guard number != 0, let entry = vcpus.element(vcpu.rawValue, in: frames) else { return }
        _ = entry.pointee.poll.compareExchange(
            expected: VCPUEvents<VCPU>.anyPort, desired: number, ordering: .sequentiallyConsistent)
    }

    /// Whether no event has ended the vCPU's poll yet.
    public func isPolling(_ vcpu: VCPUID) -> Bool {
        vcpus.element(vcpu.rawValue, in: frames)?.pointee.poll.load(ordering: .sequentiallyConsistent) ?? 0 != 0
    }

    /// The vCPU does not poll any more. False where an event has ended its poll already.
    @discardableResult
    public func endPoll(_ vcpu: VCPUID) -> Bool {
        guard let entry = vcpus.element(vcpu.rawValue, in: frames) else { return false }
        if entry.pointee.poll.exchange(0, ordering: .sequentiallyConsistent) == 0 { return false }
        pollers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        return true
    }

    /// Whether an event is pending, masked or not, at a port that the guest may poll. Throws EINVAL.
    ///
    /// Xen: evtchn_port_poll
    public func isPending(polled number: UInt32) throws(XenError) -> Bool {
        guard let entry = port(number) else { throw .einval }
        return try entry.pointee.lock.withLock { (binding: inout Binding<Frames, VCPU>) throws(XenError) in
            guard binding.isUsable else { throw .einval }
            return isPending(number)
        }
    }

    /// Unblocks the vCPUs that wait for this port.
    @inline(__always)
    func wakePollers(_ number: UInt32, _ sink: some EventSink<VCPU>) {
        if pollers.load(ordering: .sequentiallyConsistent) != 0 { wakeEachPoller(number, sink) }
    }

    @inline(never)
    private func wakeEachPoller(_ number: UInt32, _ sink: some EventSink<VCPU>) {
        for index in 0..<vcpus.count {
            guard let entry = vcpus.element(index, in: frames) else { return }
            let polled = entry.pointee.poll.load(ordering: .sequentiallyConsistent)
            guard polled != 0 && (polled == number || polled == VCPUEvents<VCPU>.anyPort) else { continue }
            let (ended, _) = entry.pointee.poll.compareExchange(
                expected: polled, desired: 0, ordering: .sequentiallyConsistent)
            guard ended else { continue }
            pollers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            sink.unblock(entry.pointee.vcpu)
        }
    }
}
