// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import EventChannels
public import GrantTables
public import P2M
public import Sync
public import Synchronization
public import XenABI

/// A virtual machine: what is portable of it, and `Extra`, which is the machine's.
///
/// Lives in frames and is reached by `Ref`; fields are constants, atomics, or behind locks. A domain that dies stays where it is
/// until every pCPU has left what it was doing when the domain could last be found (`Burial.swift`).
public struct Domain<P: Platform>: ~Copyable {
    /// vCPUs a domain may have (Xen: MAX_VIRT_CPUS).
    public static var maximumVCPUs: Int { 128 }

    public let id: DomainID
    /// May use the toolstack's operations (Xen: is_privileged), and owns the hardware.
    public let isPrivileged: Bool
    /// gfn == mfn for its RAM, so that its devices can do DMA without an IOMMU.
    public let isDirectMapped: Bool
    /// The `CreateFlag`s that it was made with.
    public let flags: UInt32
    /// Xen: xen_domain_handle_t, a UUID.
    public let handle: SpinLock<DomainHandle>
    public let p2m: SpinLock<PageTable<P.Format, P.Frames>>
    /// Machine frame of shared_info.
    public let sharedInfo: MFN
    /// Guest frame where shared_info is mapped; `GFN.invalid` for nowhere.
    public let sharedInfoPlace = Atomic<UInt64>(GFN.invalid.rawValue)
    /// Frames that are set aside for it (Xen: outstanding_pages).
    public let claim = Atomic<UInt64>(0)
    /// Frames the domain owns now (Xen: tot_pages), and may own (Xen: max_pages).
    public let totalPages = Atomic<UInt64>(0)
    public let maximumPages: Atomic<UInt64>
    /// What its builder says of its memory, where the ISA has that (`MemoryFeatures.memoryMaps`).
    public let memoryMap = SpinLock(GuestMemoryMap(), rank: .domain)
    /// The NUMA nodes that it believes to have, if its builder gave it some.
    public let virtualNUMA = SpinLock<VirtualNUMA?>(nil, rank: .domain)
    /// What is going on of the logging of its writes.
    public let loggingPass = SpinLock(LoggingPass(), rank: .domain)
    /// Frames for its entries on demand.
    let onDemandCache = SpinLock(OnDemandCache(), rank: .onDemand)
    /// One of them was touched when there was none left.
    let ranOutOfMemory = Atomic<Bool>(false)
    /// Bytes that a hardware domain is said to have for its page tables, which come from the heap: see PagingPool.swift.
    public let pagingPool = Atomic<UInt64>(0)
    /// HVM_PARAM_*.
    public let parameters = SpinLock(InlineArray<64, UInt64>(repeating: 0), rank: .domain)
    /// Bit set of VMASST_TYPE_*.
    public let assists = Atomic<UInt64>(0)
    /// Why the domain shuts down, when it does: a `ShutdownReason` or another byte; `.max` until somebody says.
    public let shutdownCode = Atomic<UInt32>(.max)
    /// What it is writing on the console.
    public let consoleLine = SpinLock(ConsoleLine(), rank: .timer)
    let watchdogs = SpinLock(Watchdogs(), rank: .timer)
    /// System time, nanoseconds, at which `takeExpiredWatchdog` is to be asked; `.max` for never.
    public let watchdogDeadline = Atomic<UInt64>(.max)
    /// 0, or 1 + the `ShutdownReason` once the domain has shut down.
    public let shutdown = Atomic<UInt32>(0)
    /// Highest guest frame that was ever mapped.
    public let highestGFN = Atomic<UInt64>(0)
    public let extra: P.DomainExtra
    /// Its event channels, which live in a frame of their own.
    public let eventBox: FrameBox<EventChannels<P.Frames, Ref<VCPU<P>>>>
    /// Its grant table, which lives in a frame of its own.
    public let grantBox: FrameBox<GrantTable<P.Frames>>
    /// vCPUs that it is to have.
    public let vcpuLimit: Int
    let vcpus = FixedArray<128, AtomicRef<VCPU<P>>> { _ in AtomicRef() }

    // Life and death: Pausing.swift, Death.swift, Burial.swift.

    /// A `LifeStage`.
    let stage = Atomic<UInt8>(LifeStage.alive.rawValue)
    /// Reasons for which its vCPUs do not run, those of the toolstack among them.
    let pauses = Atomic<UInt32>(0)
    let toolstackPauses = Atomic<UInt32>(0)
    /// Frames of its RAM that it has given up and that somebody still holds. Below zero for a moment where the holder is
    /// faster than we are.
    let heldFrames = Atomic<Int64>(0)
    let teardown = SpinLock(Teardown(), rank: .domain)
    /// The first frame that it lives in; 0 for a domain that is never freed.
    let ownFrame = Atomic<UInt64>(0)
    let nextCorpse = AtomicRef<Domain<P>>()

    public init(
        id: DomainID, isPrivileged: Bool, isDirectMapped: Bool, p2m: consuming PageTable<P.Format, P.Frames>,
        sharedInfo: MFN, maximumPages: UInt64, vcpuLimit: Int = Self.maximumVCPUs, flags: UInt32 = 0,
        handle: DomainHandle = DomainHandle(repeating: 0),
        events: consuming FrameBox<EventChannels<P.Frames, Ref<VCPU<P>>>>,
        grants: consuming FrameBox<GrantTable<P.Frames>>, extra: consuming P.DomainExtra
    ) {
        self.id = id
        self.isPrivileged = isPrivileged
        self.isDirectMapped = isDirectMapped
        self.flags = flags
        self.handle = SpinLock(handle, rank: .domain)
        self.p2m = SpinLock(p2m, rank: .p2m)
        self.sharedInfo = sharedInfo
        self.maximumPages = Atomic(maximumPages)
        self.vcpuLimit = vcpuLimit
        eventBox = events
        grantBox = grants
        self.extra = extra
    }

    /// Sets an HVM_PARAM_*.
    public func setParameter(_ parameter: HVMParam, _ value: UInt64) {
        parameters.withLock { $0[Int(parameter.rawValue)] = value }
    }

    /// Its event channels.
    @inline(__always) public var events: Ref<EventChannels<P.Frames, Ref<VCPU<P>>>> { eventBox.ref }

    /// Its grant table.
    @inline(__always) public var grants: Ref<GrantTable<P.Frames>> { grantBox.ref }

    // MARK: vCPUs

    /// Adds the vCPU with the next number, to the domain and to its event channels. Throws ENOMEM.
    public func add(_ vcpu: Ref<VCPU<P>>) throws(XenError) {
        let index = vcpu.pointee.id.index
        guard index == vcpuCount, index < vcpuLimit else { throw .einval }
        try events.pointee.addVCPU(vcpu)
        vcpus[index].store(vcpu)
    }

    /// vCPUs that there are.
    public var vcpuCount: Int { Int(events.pointee.vcpuCount) }

    /// The vCPU with this number, or nil.
    @inline(__always) public func vcpu(_ id: VCPUID) -> Ref<VCPU<P>>? { id.index < 128 ? vcpus[id.index].load() : nil }

    /// Each of its vCPUs.
    @inline(__always) public func forEachVCPU(_ body: (Ref<VCPU<P>>) -> Void) {
        for index in 0..<vcpuLimit {
            guard let vcpu = vcpus[index].load() else { return }
            body(vcpu)
        }
    }
}
