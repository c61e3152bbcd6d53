// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Sync
public import Synchronization
public import Timekeeping
import XenABI

/// A virtual processor.
public struct VCPU<P: Platform>: ~Copyable {
    public let id: VCPUID
    public let domain: Ref<Domain<P>>
    /// The scheduler's number for it.
    public let unit: UInt16
    /// Down until somebody starts it (PSCI CPU_ON, VCPUOP_up).
    public let isUp: Atomic<Bool>
    /// Has registers to start with (Xen: is_initialised).
    public let isInitialised = Atomic<Bool>(false)
    /// Is to stay on the pCPU where its domain wants it (SCHEDOP_pin_override).
    public let isPinned = Atomic<Bool>(false)
    /// Reasons for which it does not run, its domain's being one.
    public let pauses = Atomic<UInt32>(0)
    /// What it is doing and has done; the scheduler says so (`changeRunstate`).
    let runstate: SpinLock<RunstateAccount>
    /// The timers that it sets by hypercall (x86).
    public let timers = SpinLock(VCPUTimers(), rank: .timer)
    /// Guest virtual address of the runstate area; 0 for none.
    let runstateArea = Atomic<UInt64>(0)
    /// The first frame that it lives in; 0 for one that is never freed.
    let ownFrame = Atomic<UInt64>(0)
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
