// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization

/// What a port is for.
enum Kind: UInt8 {
    case free
    /// Port 0.
    case reserved
    case unbound
    case interdomain
    case pirq
    case virq
    case ipi
}

/// What a port is bound to. Changed with the domain's and the port's lock held, read with either.
struct Binding<Frames: FrameSource, VCPU: BitwiseCopyable & Sendable>: ~Copyable {
    /// The domain at the other end, where `kind` is interdomain.
    var remote: Ref<EventChannels<Frames, VCPU>>?
    /// By `kind`: remote port, PIRQ, VIRQ, or the domain that may bind.
    var detail: UInt32 = 0
    var kind = Kind.free
    /// A `XenConsumer`, or 0 for the guest.
    var consumer: UInt8 = 0

    /// Whether the guest may use it (Xen: evtchn_usable).
    var isUsable: Bool { consumer == 0 && kind != .free && kind != .reserved }
}

/// One port: 32 bytes.
struct Port<Frames: FrameSource, VCPU: BitwiseCopyable & Sendable>: ~Copyable {
    /// The binding, and beside it a `Delivery`, which a sender at the other end reads.
    let lock = CompactLock<PortRank, Atomic<UInt32>, Binding<Frames, VCPU>>(shared: Atomic(0), Binding())
    /// FIFO: the `QueueID` of the queue that the port was last linked in. Written with that queue's lock held.
    let lastQueue = Atomic<UInt32>(0)
    /// Of the 32 ports from the first of a group on, those that are free. Only the first port's is used; under the
    /// domain's lock.
    let freeInGroup = Atomic<UInt32>(0)

    @inline(__always) var delivery: Delivery { Delivery(rawValue: lock.shared.load(ordering: .relaxed)) }

    /// Changes the delivery word. Nobody but us writes it, so the loop ends.
    func updateDelivery(_ change: (inout Delivery) -> Void) {
        var old = lock.shared.load(ordering: .relaxed)
        while true {
            var new = Delivery(rawValue: old)
            change(&new)
            let (done, original) = lock.shared.compareExchange(
                expected: old, desired: new.rawValue, ordering: .acquiringAndReleasing)
            if done { return }
            old = original
        }
    }

    /// Marks the event as pending although there is no event word yet.
    func park() { lock.shared.bitwiseOr(Delivery.parked, ordering: .sequentiallyConsistent) }

    /// Takes the mark away. True where there was one.
    func unpark() -> Bool {
        lock.shared.bitwiseAnd(~Delivery.parked, ordering: .sequentiallyConsistent).oldValue & Delivery.parked != 0
    }
}

/// How an event for a port reaches its vCPU: bits 0-15 vCPU, 16-19 priority, 20 usable, 21 parked, 24-31 consumer.
struct Delivery {
    var rawValue: UInt32

    static var parked: UInt32 { 1 << 21 }
    private static var usable: UInt32 { 1 << 20 }

    @inline(__always) var vcpu: UInt32 {
        get { rawValue & 0xFFFF }
        set { rawValue = rawValue & ~0xFFFF | newValue & 0xFFFF }
    }
    @inline(__always) var priority: UInt32 {
        get { rawValue >> 16 & 15 }
        set { rawValue = rawValue & ~(15 << 16) | (newValue & 15) << 16 }
    }
    /// A guest has the port and it is bound.
    @inline(__always) var isUsable: Bool {
        get { rawValue & Self.usable != 0 }
        set { rawValue = newValue ? rawValue | Self.usable : rawValue & ~Self.usable }
    }
    @inline(__always) var consumer: UInt8 {
        get { UInt8(truncatingIfNeeded: rawValue >> 24) }
        set { rawValue = rawValue & 0xFF_FFFF | UInt32(newValue) << 24 }
    }
    /// The queue that the event belongs in.
    @inline(__always) var queue: UInt32 { rawValue & 0xF_FFFF }
}

/// Names a FIFO queue: bits 0-15 vCPU, 16-19 priority, as in `Delivery`. Queues are locked in ascending order.
struct QueueID {
    let rawValue: UInt32
    @inline(__always) var vcpu: UInt32 { rawValue & 0xFFFF }
    @inline(__always) var priority: UInt32 { rawValue >> 16 & 15 }
}
