// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine

/// The interrupt controller that a guest sees: a GICv2 (ARM IHI 0048B) or a GICv3 without LPIs and ITS (ARM IHI 0069),
/// delivered through the list registers of the hardware's virtual interface.
///
/// **Owns** one block of frames per domain: the distributor's state, and for each vCPU its private interrupts and what
/// is in its list registers. **Refuses to know** how an access trapped, where in the guest's address space a frame
/// lies, what a physical interrupt controller is programmed with, who runs where.
///
/// **Invariants.**
/// - An interrupt is in at most one list register of one vCPU; its `resident` bit is set exactly while it is.
/// - Only the pCPU on which a vCPU runs touches that vCPU's list registers and the record of them.
/// - What is pending is in memory (`pending`, `line`) or in a list register, never lost between: a bit is set in memory
///   before the vCPU's attention is asked for, and attention is taken before memory is read.
///
/// **Locks:** none. State shared between pCPUs is words of one bit per interrupt, changed by atomic operations, and
/// single bytes. So `raise`, `pulse` and `sendSGI` may be called from anywhere, under any lock, and `VirtualGICHost` is
/// called with nothing held. Attention is one atomic word per vCPU, a bit per bank of 32 interrupts: `enter` with
/// nothing new is one load and a branch.
///
/// The run loop (interrupts masked; `gic` is the domain's, `host` the pCPU's conformer of `VirtualGICHost`):
///
///     // after picking a vCPU: restore ICH_VMCR/APRs or GICH_VMCR/APR, then
///     while current == vcpu {
///         gic.enter(vcpu, on: host)                    // fills list registers; nearly free without news
///         switch run(vcpu) {
///         case .dataAbort(let access):                 // in the frame of the distributor
///             if access.isWrite {
///                 let ok = gic.writeDistributor(offset, width: 4, value: x, by: vcpu, on: host)
///                 if !ok { injectDataAbort() }
///             } else if let value = gic.readDistributor(offset, width: 4, by: vcpu, on: host) { x = value }
///         case .sgi1r(let value): gic.sendSGI(v3: value, by: vcpu, on: host)
///         case .maintenanceInterrupt: gic.maintenance(vcpu)
///         case .virtualTimer: gic.pulse(27, vcpu: vcpu, on: host)   // mapped: `map(27, vcpu: vcpu, to: 27)`
///         case .wfi: if !gic.hasPending(running: vcpu, on: host) { block() }
///         }
///     }
///     gic.leave(vcpu, on: host)                        // empties the list registers; then save VMCR and APRs
public struct VirtualGIC<Frames: FrameSource>: ~Copyable, Sendable {
    let frames: Frames
    let base: MachineAddress
    let order: Int
    public let version: GICVersion
    /// Number of vCPUs that the domain may have.
    public let vcpus: Int
    /// Banks of 32 interrupts, the private bank included: 1 to 32.
    let banks: Int

    /// Everything disabled, SPIs routed to vCPU 0, the distributor off.
    ///
    ///     let gic = try VirtualGIC(version: .v3, vcpus: 4, sharedInterrupts: host.lines - 32, frames: heap)
    ///
    /// `sharedInterrupts` (SPIs, at most 988) is rounded up to a multiple of 32.
    public init(
        version: GICVersion, vcpus: Int, sharedInterrupts: Int, frames: Frames
    ) throws(VirtualGICError) {
        guard vcpus >= 1, vcpus <= version.maximumVCPUs else { throw .tooManyVCPUs }
        guard sharedInterrupts >= 0, sharedInterrupts <= 988 else { throw .tooManyInterrupts }
        let banks = 1 + (sharedInterrupts + 31) / 32
        let bytes = UInt64(banks) * BankLayout.size + UInt64(vcpus) * CPULayout.size
        var order = 0
        while pageSize << UInt64(order) < bytes { order += 1 }
        guard let start = frames.allocate(order: order, node: nil) else { throw .noMemory }
        self.frames = frames
        self.base = start.address
        self.order = order
        self.version = version
        self.vcpus = vcpus
        self.banks = banks
        for index in 0..<vcpus {
            // SGIs are edges for ever.
            privateBank(VCPUID(UInt32(truncatingIfNeeded: index))).store(.edge, 0xffff)
        }
    }

    deinit { frames.free(base.frame, order: order) }

    /// Interrupt numbers below this exist: 32 to 1024, a multiple of 32.
    public var interrupts: UInt32 { UInt32(truncatingIfNeeded: banks) * 32 }
}

/// What an init of `VirtualGIC` refuses.
public enum VirtualGICError: Error, Sendable {
    /// None, or more than the version has room for.
    case tooManyVCPUs
    /// More than 988 SPIs.
    case tooManyInterrupts
    case noMemory
}

/// The architecture version that a guest sees.
public enum GICVersion: Sendable {
    case v2, v3

    /// 8 for GICv2 (bits in a target byte); 128 for GICv3, as in Xen.
    public var maximumVCPUs: Int { self == .v2 ? 8 : 128 }

    /// The affinity (MPIDR_EL1 bits 39:32 and 23:0) of a vCPU: 16 to a cluster, as in Xen.
    public static func affinity(of vcpu: VCPUID) -> UInt64 {
        UInt64(vcpu.rawValue & 15) | UInt64(vcpu.rawValue >> 4) << 8
    }
}
