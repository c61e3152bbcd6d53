// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import EventChannels
public import GrantTables
public import P2M
public import Sync
public import Synchronization
public import Timekeeping
public import XenABI

/// A virtual machine: what is portable of it, and `Extra`, which is the machine's.
///
/// Lives in frames and is reached by `Ref`; fields are constants, atomics, or behind locks.
public struct Domain<P: Platform>: ~Copyable {
    /// vCPUs a domain may have (Xen: MAX_VIRT_CPUS).
    public static var maximumVCPUs: Int { 128 }

    public let id: DomainID
    /// May use the toolstack's operations (Xen: is_privileged), and owns the hardware.
    public let isPrivileged: Bool
    /// gfn == mfn for its RAM, so that its devices can do DMA without an IOMMU.
    public let isDirectMapped: Bool
    /// Xen: xen_domain_handle_t, a UUID.
    public let handle: DomainHandle
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
    /// Frames for its entries on demand.
    let onDemandCache = SpinLock(OnDemandCache(), rank: .onDemand)
    /// HVM_PARAM_*.
    public let parameters = SpinLock(InlineArray<64, UInt64>(repeating: 0), rank: .domain)
    /// Bit set of VMASST_TYPE_*.
    public let assists = Atomic<UInt64>(0)
    /// Why the domain shuts down, when it does: a `ShutdownReason` or another byte; `.max` until somebody says.
    public let shutdownCode = Atomic<UInt32>(.max)
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
    let vcpuTable = Once<VCPUTable<P>>()

    public init(
        id: DomainID, isPrivileged: Bool, isDirectMapped: Bool, p2m: consuming PageTable<P.Format, P.Frames>,
        sharedInfo: MFN,
        maximumPages: UInt64, events: consuming FrameBox<EventChannels<P.Frames, Ref<VCPU<P>>>>,
        grants: consuming FrameBox<GrantTable<P.Frames>>, extra: consuming P.DomainExtra
    ) {
        self.id = id
        self.isPrivileged = isPrivileged
        self.isDirectMapped = isDirectMapped
        handle = DomainHandle(repeating: 0)
        self.p2m = SpinLock(p2m, rank: .p2m)
        self.sharedInfo = sharedInfo
        self.maximumPages = Atomic(maximumPages)
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

    /// Names the domain's vCPUs. Once, before the domain runs.
    public func setVCPUs(_ table: consuming VCPUTable<P>) { vcpuTable.set(table) }

    public var vcpuCount: Int { vcpuTable.value.count }

    /// The vCPU with this number, or nil.
    @inline(__always) public func vcpu(_ id: VCPUID) -> Ref<VCPU<P>>? { vcpuTable.value[id.index] }
}

/// A domain's vCPUs by number.
public struct VCPUTable<P: Platform>: ~Copyable, Sendable {
    var entries = FixedTable<Ref<VCPU<P>>?, 128>(repeating: nil)
    public private(set) var count = 0

    public init() {}

    /// Adds the vCPU with the next number. False where there are as many as there can be.
    public mutating func append(_ vcpu: Ref<VCPU<P>>) -> Bool {
        guard count < entries.indices.count else { return false }
        entries[count] = vcpu
        count += 1
        return true
    }

    @inline(__always) public subscript(index: Int) -> Ref<VCPU<P>>? { index >= 0 && index < count ? entries[index] : nil }
}

/// A virtual processor.
public struct VCPU<P: Platform>: ~Copyable {
    public let id: VCPUID
    public let domain: Ref<Domain<P>>
    /// The scheduler's number for it.
    public let unit: UInt16
    /// Down until somebody starts it (PSCI CPU_ON, VCPUOP_up).
    public let isUp: Atomic<Bool>
    /// What it is doing and has done; the scheduler says so (`changeRunstate`).
    let runstate: SpinLock<RunstateAccount>
    /// The timers that it sets by hypercall (x86).
    public let timers = SpinLock(VCPUTimers(), rank: .timer)
    /// Guest virtual address of the runstate area; 0 for none.
    let runstateArea = Atomic<UInt64>(0)
    public let extra: P.VCPUExtra

    public init(
        id: VCPUID, domain: Ref<Domain<P>>, unit: UInt16, isUp: Bool, extra: consuming P.VCPUExtra,
        now: SystemTime = SystemTime(nanoseconds: 0)
    ) {
        self.id = id
        self.domain = domain
        self.unit = unit
        self.isUp = Atomic(isUp)
        runstate = SpinLock(RunstateAccount(isUp ? .runnable : .offline, now: now), rank: .timer)
        self.extra = extra
    }
}
