// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Sync
import Synchronization
import XenABI

/// What one vCPU has of event channels: 256 bytes where `VCPU` has 8.
struct VCPUEvents<VCPU: BitwiseCopyable & Sendable>: ~Copyable {
    /// How the sink knows it.
    let vcpu: VCPU
    /// Machine address of its vcpu_info; 0 for none. Read after a pending bit is set, so that a sender and a change of
    /// the address cannot miss each other.
    let info: Atomic<UInt64>
    /// FIFO: machine address of the control block; 3-level: of the second-level selector; 0 for none. Its frame is
    /// pinned.
    let control = Atomic<UInt64>(0)
    /// The port that it polls: 0 for none, `anyPort` for any.
    let poll = Atomic<UInt32>(0)
    /// The frame of `info` is pinned.
    let infoIsRegistered = Atomic<Bool>(false)
    /// The port that each VIRQ is bound to; 0 for none. Global VIRQs are in vCPU 0's.
    let virqPorts = FixedArray<24, Atomic<UInt32>> { _ in Atomic(0) }
    /// FIFO: by priority, the last port of the queue; 0 for none.
    let queues = FixedArray<16, CompactLock<EventQueueRank, Nothing, UInt32>> { _ in CompactLock(shared: Nothing(), 0) }

    init(vcpu: VCPU, info: UInt64) {
        self.vcpu = vcpu
        self.info = Atomic(info)
    }

    static var anyPort: UInt32 { ~0 }
}
