// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
import EventChannels
import Sync
public import Timekeeping
public import XenABI

/// What only some ISAs have. A machine that has none of it says nothing.
extension Platform {
    /// Bit set of the `VCPUOp`s that this ISA has. ARM has two.
    public var vcpuOperations: UInt64 {
        1 << UInt64(VCPUOp.registerVCPUInfo.rawValue) | 1 << UInt64(VCPUOp.registerRunstateMemoryArea.rawValue)
    }
    /// Whether the hardware domain tells of the PCI devices that it finds. Else the three that follow are not asked.
    public var handsOnPCI: Bool { false }
    /// Configuration space in memory is, or is not, where the firmware says. Throws EIO where it is said to be somewhere else,
    /// ENODEV where the firmware says nothing of it.
    public func reserveConfiguration(_ region: PhysdevPCIMMCFGReserved) throws(XenError) { throw .enosys }
    /// The hardware domain has found a function, which may be known. Throws ENOMEM, EOPNOTSUPP.
    public func addDevice(segment: UInt16, bus: UInt8, devfn: UInt8) throws(XenError) { throw .enosys }
    /// A function is gone. Throws ENODEV where it is not known.
    public func removeDevice(segment: UInt16, bus: UInt8, devfn: UInt8) throws(XenError) { throw .enosys }
    /// Bit set of the `GrantTableOp`s that guests of this ISA may ask for: all.
    public var grantOperations: UInt64 { .max }
    /// Sets up a vCPU that has never run, from a structure in the caller's memory. Throws EFAULT, EINVAL, and EEXIST where it is
    /// set up already.
    public func initialise(_ vcpu: Ref<VCPU<Self>>, from context: GuestVirtualAddress) throws(XenError) { throw .enosys }
    /// Runs a vCPU, from where it was if it has run before. False where it is not set up.
    public func start(_ vcpu: Ref<VCPU<Self>>) -> Bool { false }
    /// The vCPU does not run on, until it is started again.
    public func bringDown(_ vcpu: Ref<VCPU<Self>>) {}
    /// Interrupts the vCPU where nothing can be masked.
    public func sendNMI(_ vcpu: Ref<VCPU<Self>>) {}
    /// Xen: p2m_init. Enough for an interrupt controller's pages; the toolstack sets what the domain needs.
    public var firstPagingPool: UInt64 { 16 }
    /// The vCPU's own timers have changed: it is to be interrupted at another time.
    public func timersChanged(_ vcpu: Ref<VCPU<Self>>) {}
    /// The vCPU's vcpu_info is somewhere else: what stands in it of the time is to be written again.
    public func vcpuInfoMoved(_ vcpu: Ref<VCPU<Self>>) {}
    /// Whether a vCPU can choose how its events come. Else `setUpcallVector` is not asked.
    public var hasUpcallVectors: Bool { false }
    /// Events of the vCPU come by this vector of its local APIC from now on. Throws EINVAL.
    public func setUpcallVector(_ vector: UInt8, _ vcpu: Ref<VCPU<Self>>) throws(XenError) { throw .enosys }
}

extension VCPU {
    /// Changes what the vCPU's own timers are set to, and tells the machine.
    public static func changeTimers(
        of vcpu: Ref<VCPU<P>>, _ platform: P, _ change: (inout VCPUTimers) throws(XenError) -> Bool
    ) throws(XenError) {
        let isDue = try vcpu.pointee.timers.withLock { (timers) throws(XenError) in try change(&timers) }
        platform.timersChanged(vcpu)
        if isDue { raiseTimer(vcpu, platform) }
    }

    /// Takes what is due, and raises VIRQ_TIMER for it.
    public static func fireTimers(of vcpu: Ref<VCPU<P>>, _ platform: P, now: SystemTime) {
        if vcpu.pointee.timers.withLock({ $0.fire(now: now) }) { raiseTimer(vcpu, platform) }
    }

    private static func raiseTimer(_ vcpu: Ref<VCPU<P>>, _ platform: P) {
        vcpu.pointee.domain.pointee.events.pointee.raise(.timer, vcpu: vcpu.pointee.id, PlatformEvents(platform))
    }
}
