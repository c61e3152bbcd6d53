// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
import EventChannels
import Synchronization
public import XenABI

/// What a vCPU is doing.
public struct VCPUStanding: BitwiseCopyable, Sendable {
    public let isRunning, isBlocked: Bool
    /// Where it runs, or ran last.
    public let processor: UInt32

    public init(isRunning: Bool, isBlocked: Bool, processor: UInt32) {
        self.isRunning = isRunning
        self.isBlocked = isBlocked
        self.processor = processor
    }
}

/// A frame that a domain owns and does not map.
public enum StrayFrame: Sendable {
    case found(MFN)
    /// The search takes long: ask again, after a look at what else there is to do.
    case noneYet
    case none
}

/// What a machine needs that makes domains while it runs. One that makes none says nothing.
extension Platform {
    /// Checks what is particular to the ISA of a new domain's configuration, and fills in what the toolstack left open. Throws
    /// EINVAL; ENOSYS where no domain can be made.
    ///
    /// Xen: arch_sanitise_domain_config
    public func complete(_ config: inout CreateDomain<ArchConfig>) throws(XenError) { throw .enosys }
    /// The most that a domain's grant table may be.
    public var grantLimits: GrantLimits { GrantLimits(frames: 64, maptrackFrames: 1024, version: 2) }
    /// What the stage 2 of a new domain is like.
    public func stage2Format() throws(XenError) -> Format { throw .enosys }
    /// The machine's part of a new domain whose stage 2 has this root.
    public func makeExtra(
        _ id: DomainID, _ config: CreateDomain<ArchConfig>, root: MFN
    ) throws(XenError) -> DomainExtra { throw .enosys }
    /// Maps what the machine gives every domain. Throws ENOMEM.
    public func furnish(_ domain: Ref<Domain<Self>>) throws(XenError) {}
    /// No processor remembers anything of the domain's stage 2, which is about to go.
    public func forgetTranslations(of domain: borrowing Domain<Self>) {}
    /// The machine's part of a new vCPU.
    public func makeVCPUExtra(_ id: VCPUID, of domain: Ref<Domain<Self>>) throws(XenError) -> VCPUExtra { throw .enosys }
    /// A number for the scheduler, or nil where there are no more.
    public func takeUnit() -> UInt16? { nil }
    public func giveBackUnit(_ unit: UInt16) {}
    /// The scheduler may run the vCPU, which is asleep.
    public func admit(_ vcpu: Ref<VCPU<Self>>) {}
    /// The scheduler forgets the vCPU, which is asleep.
    public func dismiss(_ vcpu: Ref<VCPU<Self>>) {}
    /// The vCPU is not to run from now on.
    public func sleep(_ vcpu: Ref<VCPU<Self>>) {}
    /// Waits until no processor runs the vCPU or has its registers. It is asleep and not the caller.
    public func waitUntilStopped(_ vcpu: Ref<VCPU<Self>>) {}
    /// It may run again.
    public func endSleep(_ vcpu: Ref<VCPU<Self>>) {}
    /// Whether there is a processor of this number, and a vCPU can be moved to it.
    public func canRun(on processor: UInt32) -> Bool { false }
    /// The vCPU, which is the caller, goes on on another processor, which there is.
    public func move(_ vcpu: Ref<VCPU<Self>>, to processor: UInt32) {}
    /// Processors that work.
    public var processorCount: UInt32 { 1 }
    /// A grace period begins, which has passed once every processor has been where it refers to no domain besides those of
    /// its own vCPUs.
    public func beginGrace() -> UInt64 { 0 }
    public func graceHasPassed(_ period: UInt64) -> Bool { true }
    /// The next frame of the domain's RAM that it does not map, in the order of the machine's.
    public func strayFrame(of domain: borrowing Domain<Self>, from place: inout UInt64) -> StrayFrame { .none }
    /// Writes a stopped vCPU's registers to the caller's memory, as a `vcpu_guest_context`. Throws EFAULT.
    public func readContext(of vcpu: Ref<VCPU<Self>>, to address: GuestVirtualAddress) throws(XenError) { throw .enosys }
    /// Sets a stopped vCPU's registers, and whether it is up, from the caller's memory. Throws EFAULT, EINVAL.
    public func writeContext(of vcpu: Ref<VCPU<Self>>, from address: GuestVirtualAddress) throws(XenError) {
        throw .enosys
    }
    /// Takes a stopped vCPU's registers away: it is down, and has none until it is given others.
    public func forgetContext(of vcpu: Ref<VCPU<Self>>) {
        vcpu.pointee.isInitialised.store(false, ordering: .relaxed)
        setRunnable(vcpu, false)
    }
    /// Whether a stopped vCPU runs once its domain does.
    public func setRunnable(_ vcpu: Ref<VCPU<Self>>, _ isUp: Bool) { vcpu.pointee.isUp.store(isUp, ordering: .releasing) }
    /// What a saved domain's time stamps are restored by: the counter, now.
    public var savedStateClock: UInt64 { 0 }
    /// What is told of the processor in a saved domain's header. Nil where domains are not saved so.
    public var savedStateProcessor: UInt32? { nil }
    /// Writes one record of a stopped vCPU's state to the caller's memory. Throws EFAULT.
    public func saveState(
        _ record: SavedRecord, of vcpu: Ref<VCPU<Self>>, to address: GuestVirtualAddress
    ) throws(XenError) { throw .eopnotsupp }
    /// Restores a stopped vCPU's state from a record of `length` bytes in the caller's memory, which is one of those that
    /// `SavedRecord` names. Throws EFAULT, EINVAL.
    public func loadState(
        _ record: SavedRecord, length: UInt32, of vcpu: Ref<VCPU<Self>>, from address: GuestVirtualAddress, clock: UInt64
    ) throws(XenError) { throw .eopnotsupp }
    /// What getdomaininfo says of the ISA.
    public func archConfig(of domain: borrowing Domain<Self>) -> ArchConfig { ArchConfig() }
    /// The domain's vCPUs start with addresses of so many bits. Throws EINVAL for a width that there is not, EBUSY for a domain that
    /// has memory already.
    public func setAddressSize(_ bits: UInt32, of domain: Ref<Domain<Self>>) throws(XenError) { throw .enosys }
    /// Bits of a guest-physical address.
    public var addressBits: UInt8 { 0 }
}
