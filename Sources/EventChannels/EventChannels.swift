// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Machine
import Sync
import Synchronization
public import XenABI

/// Ports, binding and delivery; the 2-level, 3-level and FIFO ABIs behind one interface.
///
/// One `EventChannels` per domain. A port is an entry of 32 bytes in a table of frames that grows with use. What a
/// port is bound to is in the entry; what is pending is in the guest's memory, in words that its ABI gives a meaning.
///
/// Locks, in the order in which they are taken:
/// - the domain's (`administration`, rank `eventChannel`; two domains in ascending id): every change of a binding;
/// - the port's (`Port.lock`; two ports only with the domain locks of both held): what a port is bound to. A sender
///   takes the lock of the port that it sends *from*, and no other;
/// - the FIFO queue's (`VCPUEvents.queues`; two in ascending order of vCPU and priority).
///
/// Invariants:
/// - An interdomain binding is symmetric. It is made and broken with the locks of both domains and both ports held, so
///   a sender that holds its own port's lock knows that the other end, and the other domain, are there.
/// - A port that is free or reserved has no pending bit set by us, and nobody delivers to it.
/// - Nothing is delivered while the ABI's pages are being taken away: that happens only once every port is closed.
///
/// Effects on vCPUs go to the `EventSink` that the caller passes. This module knows no scheduler, no interrupt
/// controller and no hypercall; it never reads a guest's structure, only its event words.
///
/// A domain's `EventChannels` may be freed only after every CPU has left the hypervisor once since the domain died,
/// because a sender may have found it through the other end of a port.
@safe public struct EventChannels<Frames: FrameSource, VCPU: BitwiseCopyable & Sendable>: ~Copyable {
    public let domain: DomainID
    let frames: Frames
    /// The layout of shared_info that the domain begins with.
    private let firstLayout: SharedInfoLayout
    /// The guest turned out to be one of 32-bit x86 (Xen: has_32bit_shinfo).
    private let isNarrow = Atomic<Bool>(false)
    /// Machine address of the domain's shared_info.
    let sharedInfo: MachineAddress
    /// An `ABI`.
    let abiWord = Atomic<UInt8>(ABI.twoLevel.rawValue)
    /// vCPUs that are polling.
    let pollers = Atomic<UInt32>(0)
    let ports = PagedTable<Port<Frames, VCPU>>()
    /// Numbers below have been in use, rounded up to what Xen allocates at a time: those above are no ports, whatever the table has
    /// (Xen: valid_evtchns).
    let validPorts = Atomic<UInt32>(0)
    let vcpus = PagedTable<VCPUEvents<VCPU>>()
    /// The port that each PIRQ is bound to; 0 for none.
    let pirqs = PagedTable<Atomic<UInt32>>()
    /// Event words that `pages` has (FIFO), or ports that it covers (3-level).
    let words = Atomic<UInt32>(0)
    /// Machine addresses of the ABI's pages. FIFO: the event array. 3-level: 8 of pending bits, 8 of mask bits.
    let pages = FixedArray<128, Atomic<UInt64>> { _ in Atomic(0) }
    let administration: SpinLock<Administration>

    /// Event channels of a new domain, with no vCPU and port 0 reserved.
    ///
    /// `lastPort` is the highest port that the domain may have (Xen: max_evtchn_port). `sharedInfo` is its shared_info
    /// page. Throws ENOMEM.
    public static func create(
        domain: DomainID, frames: Frames, layout: SharedInfoLayout, sharedInfo: MachineAddress, lastPort: UInt32,
        pirqs: UInt32 = 0
    ) throws(XenError) -> FrameBox<Self> {
        let box = FrameBox(in: frames) {
            Self(domain: domain, frames: frames, layout: layout, sharedInfo: sharedInfo, lastPort: lastPort)
        }
        guard let box else { throw .enomem }
        let events = box.ref
        let grown =
            events.pointee.pirqs.grow(to: min(pirqs, PagedTable<Atomic<UInt32>>.capacity), in: frames) { _ in Atomic(0) }
            && events.pointee.administration.withLock { events.pointee.addPorts(&$0) }
        guard grown else {
            box.take(freeing: frames).freeTables()
            throw .enomem
        }
        events.pointee.administration.withLock { events.pointee.reserveFirstPort(&$0) }
        return box
    }

    init(
        domain: DomainID, frames: Frames, layout: SharedInfoLayout, sharedInfo: MachineAddress, lastPort: UInt32
    ) {
        self.domain = domain
        self.frames = frames
        firstLayout = layout
        self.sharedInfo = sharedInfo
        administration = SpinLock(Administration(lastPort: lastPort), rank: .eventChannel)
    }

    /// Frees the tables. All ports are closed, the ABI's pages are given back, and nobody refers to this any more.
    consuming func freeTables() {
        let frames = self.frames
        ports.destroy(in: frames)
        vcpus.destroy(in: frames)
        pirqs.destroy(in: frames)
    }

    /// Adds the next vCPU. Its vcpu_info is the one in shared_info, if that has one for it, else there is none until
    /// the guest registers one. Throws ENOMEM.
    public func addVCPU(_ vcpu: VCPU) throws(XenError) {
        try administration.withLock { (_: inout Administration) throws(XenError) in
            let index = vcpus.count
            let inside = index < layout.legacyVCPUs
            let info = inside ? sharedInfo.rawValue &+ UInt64(index) &* layout.vcpuInfoSize : 0
            guard vcpus.grow(to: index + 1, in: frames, { _ in VCPUEvents(vcpu: vcpu, info: info) }) else {
                throw .enomem
            }
        }
    }

    /// vCPUs that there are.
    public var vcpuCount: UInt32 { vcpus.count }

    // MARK: The guest's words

    /// Where the guest has the fields of shared_info and vcpu_info now. What has been checked by one layout may be used by
    /// another: in all of them the 2-level words lie inside the page of shared_info, and vcpu_info has one size.
    public var layout: SharedInfoLayout {
        @inline(__always) get { isNarrow.load(ordering: .relaxed) ? .x86_32 : firstLayout }
    }

    /// Machine address of the 2-level bitmaps in shared_info.
    @inline(__always) var pendingBitmap: MachineAddress { sharedInfo + layout.pending }
    @inline(__always) var maskBitmap: MachineAddress { sharedInfo + layout.mask }

    /// From now on the guest's words have 32 bits, or as many as it began with. What is pending stays where it is, as in Xen.
    /// The 3-level ABI keeps the words that it was registered with.
    ///
    /// Xen: hvm_latch_shinfo_size
    public func latchWords(of bits: UInt32) {
        administration.withLock { (_: inout Administration) in
            if abi != .threeLevel { isNarrow.store(bits < firstLayout.wordBits, ordering: .relaxed) }
        }
    }

    // MARK: Looking up

    /// A port that can be asked about, also while it is closed.
    func validPort(_ number: UInt32) -> Ref<Port<Frames, VCPU>>? {
        number < validPorts.load(ordering: .acquiring) ? port(number) : nil
    }

    @inline(__always) func port(_ port: UInt32) -> Ref<Port<Frames, VCPU>>? { ports.element(port, in: frames) }

    /// Throws ENOENT where there is no such vCPU.
    func existingVCPU(_ number: UInt32) throws(XenError) -> Ref<VCPUEvents<VCPU>> {
        guard let vcpu = vcpus.element(number, in: frames) else { throw .enoent }
        return vcpu
    }

    @inline(__always) func word(_ address: MachineAddress) -> Ref<Atomic<UInt32>> {
        frames.atomic(UInt32.self, at: address)
    }
}

/// How a domain and we tell each other what is pending.
public enum ABI: UInt8, Sendable {
    case twoLevel = 0
    case fifo = 1
    case threeLevel = 2
}

/// What the domain's lock protects.
struct Administration: ~Copyable {
    /// The highest port that the domain may have.
    let lastPort: UInt32
    var free = FreePorts()
    /// Ports that are not free, port 0 left out (Xen: active_evtchns).
    var active: UInt32 = 0
    /// Those of them that the hypervisor holds (Xen: xen_evtchns).
    var heldByXen: UInt32 = 0
    /// No new ports: the domain is being destroyed.
    var dying = false
    /// Where a reset goes on; 0 when none is under way.
    var resetNext: UInt32 = 0

    init(lastPort: UInt32) { self.lastPort = lastPort }
}
