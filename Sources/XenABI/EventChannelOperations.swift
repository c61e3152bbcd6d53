// SPDX-License-Identifier: Apache-2.0

/// Operations of event_channel_op (event_channel.h: EVTCHNOP_*).
@frozen public enum EventChannelOp: UInt32, Sendable {
    case bindInterdomain = 0
    case bindVIRQ = 1
    case bindPIRQ = 2
    case close = 3
    case send = 4
    case status = 5
    case allocUnbound = 6
    case bindIPI = 7
    case bindVCPU = 8
    case unmask = 9
    case reset = 10
    case initControl = 11
    case expandArray = 12
    case setPriority = 13
    /// The hypervisor's own continuation of `reset` (Xen: EVTCHNOP_reset_cont).
    case resetContinued = 14
    /// Our own: which ABIs the caller may use (docs/decisions; Xen has none).
    case queryABIs = 0x5357_0000
    /// Our own: first phase of the 3-level ABI.
    case register3LevelBitmaps = 0x5357_0001
    /// Our own: second phase of the 3-level ABI.
    case register3LevelSelector = 0x5357_0002
}

/// event_channel.h: struct evtchn_alloc_unbound.
@frozen public struct EventAllocUnbound: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    public var remoteDomain: UInt16 = 0
    /// OUT.
    public var port: UInt32 = 0
    @inlinable public init() {}
}

/// event_channel.h: struct evtchn_bind_interdomain.
@frozen public struct EventBindInterdomain: BitwiseCopyable, Sendable {
    public var remoteDomain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    public var remotePort: UInt32 = 0
    /// OUT.
    public var localPort: UInt32 = 0
    @inlinable public init() {}
}

/// event_channel.h: struct evtchn_bind_virq.
@frozen public struct EventBindVIRQ: BitwiseCopyable, Sendable {
    public var virq: UInt32 = 0
    public var vcpu: UInt32 = 0
    /// OUT.
    public var port: UInt32 = 0
    @inlinable public init() {}
}

/// event_channel.h: struct evtchn_bind_pirq.
@frozen public struct EventBindPIRQ: BitwiseCopyable, Sendable {
    public var pirq: UInt32 = 0
    public var flags: UInt32 = 0
    /// OUT.
    public var port: UInt32 = 0
    @inlinable public init() {}

    /// In `flags` (Xen: BIND_PIRQ__WILL_SHARE).
    @inlinable public static var willShare: UInt32 { 1 }
}

/// event_channel.h: struct evtchn_bind_ipi.
@frozen public struct EventBindIPI: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    /// OUT.
    public var port: UInt32 = 0
    @inlinable public init() {}
}

/// The operations that take a port only (event_channel.h: struct evtchn_close, evtchn_send, evtchn_unmask).
@frozen public struct EventPort: BitwiseCopyable, Sendable {
    public var port: UInt32 = 0
    @inlinable public init() {}
}

/// event_channel.h: struct evtchn_status.
@frozen public struct EventStatus: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    public var port: UInt32 = 0
    /// OUT: a `State`.
    public var status: UInt32 = 0
    /// OUT: the vCPU that is notified.
    public var vcpu: UInt32 = 0
    /// OUT: PIRQ or VIRQ, or in the low half the other domain, by `status` (C: union u).
    public var detail: UInt32 = 0
    /// OUT: the other domain's port, if `status` is interdomain.
    public var remotePort: UInt32 = 0
    @inlinable public init() {}

    /// event_channel.h: EVTCHNSTAT_*.
    @frozen public enum State: UInt32, Sendable {
        case closed = 0
        case unbound = 1
        case interdomain = 2
        case pirq = 3
        case virq = 4
        case ipi = 5
    }
}

/// event_channel.h: struct evtchn_bind_vcpu.
@frozen public struct EventBindVCPU: BitwiseCopyable, Sendable {
    public var port: UInt32 = 0
    public var vcpu: UInt32 = 0
    @inlinable public init() {}
}

/// event_channel.h: struct evtchn_reset.
@frozen public struct EventReset: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @inlinable public init() {}
}

/// event_channel.h: struct evtchn_init_control.
@frozen public struct EventInitControl: BitwiseCopyable, Sendable {
    public var controlGFN: UInt64 = 0
    /// Byte offset of the control block in its page.
    public var offset: UInt32 = 0
    public var vcpu: UInt32 = 0
    /// OUT: bits of a port number that a link holds.
    public var linkBits: UInt8 = 0
    public var pad: InlineArray<7, UInt8> = .init(repeating: 0)
    @inlinable public init() {}
}

/// event_channel.h: struct evtchn_expand_array.
@frozen public struct EventExpandArray: BitwiseCopyable, Sendable {
    public var arrayGFN: UInt64 = 0
    @inlinable public init() {}
}

/// event_channel.h: struct evtchn_set_priority.
@frozen public struct EventSetPriority: BitwiseCopyable, Sendable {
    public var port: UInt32 = 0
    public var priority: UInt32 = 0
    @inlinable public init() {}
}

/// The 2-level ABI.
public enum EventTwoLevel {
    /// Ports, for words of `bits` bits (Xen: EVTCHN_2L_NR_CHANNELS).
    @inlinable public static func ports(wordBits bits: UInt32) -> UInt32 { bits &* bits }
}

/// The FIFO ABI (event_channel.h: EVTCHN_FIFO_*).
public enum EventFIFO {
    @inlinable public static var highestPriority: UInt32 { 0 }
    @inlinable public static var defaultPriority: UInt32 { 7 }
    @inlinable public static var lowestPriority: UInt32 { 15 }
    /// Queues per vCPU (Xen: EVTCHN_FIFO_MAX_QUEUES).
    @inlinable public static var queues: Int { 16 }
    /// Ports (Xen: EVTCHN_FIFO_NR_CHANNELS).
    @inlinable public static var ports: UInt32 { 1 << 17 }
    /// Xen: EVTCHN_FIFO_LINK_BITS
    @inlinable public static var linkBits: UInt8 { 17 }
    /// Bits of an event word; the rest is the link.
    @inlinable public static var pending: UInt32 { 1 << 31 }
    @inlinable public static var masked: UInt32 { 1 << 30 }
    @inlinable public static var linked: UInt32 { 1 << 29 }
    @inlinable public static var busy: UInt32 { 1 << 28 }
    /// Xen: EVTCHN_FIFO_LINK_MASK
    @inlinable public static var linkMask: UInt32 { ports - 1 }
    /// Event words in a page of the array.
    @inlinable public static var wordsPerPage: UInt32 { 1024 }
}

/// event_channel.h: struct evtchn_fifo_control_block.
@frozen public struct EventFIFOControlBlock: BitwiseCopyable, Sendable {
    /// Bit n: queue n has a new head.
    public var ready: UInt32 = 0
    public var reserved: UInt32 = 0
    /// The first port of each queue; 0 for none.
    public var head: InlineArray<16, UInt32> = .init(repeating: 0)
    @inlinable public init() {}
}

/// Our own: which ABIs there are for the caller. OUT throughout.
@frozen public struct EventQueryABIs: BitwiseCopyable, Sendable {
    /// Bit 0: 2-level; 1: FIFO; 2: 3-level.
    public var abis: UInt64 = 0
    public var maxPorts3Level: UInt32 = 0
    public var wordBits: UInt32 = 0
    @inlinable public init() {}
}

/// Our own: the frames of the 3-level bitmaps.
@frozen public struct EventRegister3LevelBitmaps: BitwiseCopyable, Sendable {
    /// Pages of each bitmap: 8, or 1 for x86-32.
    public var nrPages: UInt32 = 0
    /// Must be 0.
    public var pad: UInt32 = 0
    public var pendingGFN: InlineArray<8, UInt64> = .init(repeating: 0)
    public var maskGFN: InlineArray<8, UInt64> = .init(repeating: 0)
    @inlinable public init() {}
}

/// Our own: where a vCPU's second-level selector is.
@frozen public struct EventRegister3LevelSelector: BitwiseCopyable, Sendable {
    public var gfn: UInt64 = 0
    /// Byte offset in the page, a multiple of 8.
    public var offset: UInt32 = 0
    public var vcpu: UInt32 = 0
    @inlinable public init() {}
}
