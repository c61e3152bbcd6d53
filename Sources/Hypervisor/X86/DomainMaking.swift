// SPDX-License-Identifier: Apache-2.0

import ArchCommon
import ArchX86
import Base
import Containers
import Domains
import EventChannels
import GrantTables
import Machine
import Memory
import P2M
import Scheduler
import Sync
import Synchronization
import Timekeeping
import VirtualAPIC
import X86
import X86Machine
import XenABI

/// What every domain besides dom0 is made with.
struct DomainMould: Sendable {
    /// Maps of the ports and of the model-specific registers that are intercepted: all ports, and dom0's registers.
    let portMap, msrMap: MachineAddress
}

/// What later domains are made with. `msrMap` is dom0's.
func keepMould(msrMap: MachineAddress) {
    guard let ports = MetalFrames(root.heap.reference).allocate(order: 2, node: nil) else {
        panic("no memory for a map of ports")
    }
    fillClosedPortMap(at: ports.address)
    root.state.mould.set(DomainMould(portMap: ports.address, msrMap: msrMap))
}

// Making domains.
extension Metal {
    func complete(_ config: inout CreateDomain<X86DomainConfig>) throws(XenError) { try config.checkX86() }

    /// Xen: GNTTAB_MAX_VERSION, opt_max_grant_frames and opt_max_maptrack_frames
    var grantLimits: GrantLimits { GrantLimits(frames: 64, maptrackFrames: 1024, version: 2) }
    var addressBits: UInt8 { UInt8(truncatingIfNeeded: root.state.pc.value.features.addressBits) }

    func archConfig(of domain: borrowing Domain<Metal>) -> X86DomainConfig {
        var config = X86DomainConfig()
        config.emulationFlags = X86Emulation.localAPIC
        // Xen: what dom0 is made with.
        if domain.id == .dom0 { config.emulationFlags |= X86Emulation.ioAPIC | X86Emulation.vPCI }
        return config
    }

    func stage2Format() throws(XenError) -> NestedFormat { nestedFormat(isDom0: false) }
    var firstPagingPool: UInt64 { X86Memory.firstPagingPool >> pageShift }

    func makeExtra(
        _ id: DomainID, _ config: CreateDomain<X86DomainConfig>, root table: MFN
    ) throws(XenError) -> X86Domain {
        let mould = root.state.mould.value
        return X86Domain(
            ioAPIC: SpinLock(VirtualIOAPIC(id: 0), rank: .timer), ioAPICFrame: .invalid,
            nested: PageTableView(format: nestedFormat(isDom0: false), root: table, frames: frames),
            portMap: mould.portMap, msrMap: mould.msrMap)
    }

    /// Xen: hvm_domain_initialise
    func furnish(_ domain: MetalDomain) throws(XenError) {
        domain.pointee.setParameter(.tripleFaultReason, UInt64(ShutdownReason.reboot.rawValue))
        publishWallclock(to: domain.pointee)
    }

    func makeVCPUExtra(_ id: VCPUID, of domain: MetalDomain) throws(XenError) -> X86VCPU {
        guard let frames = VCPUFrames() else { throw .enomem }
        let extra = X86VCPU(frames, apicID: CPUIDPolicy.apicID(ofVCPU: id.rawValue))
        fill(extra.block, for: domain.pointee.extra)
        return extra
    }

    /// A new vCPU would begin at address 0, in flat 32-bit segments and without tables of descriptors, were it started as it is
    /// (Xen: construct_vmcb).
    func prepare(_ vcpu: MetalVCPU) {
        resetToPVH(vcpu, entry: 0, startInfo: 0)
        let block = vcpu.pointee.extra.block
        block.setSegment(VMCBField.gdtr, selector: 0, attributes: 0, limit: 0, base: 0)
        block.setSegment(VMCBField.idtr, selector: 0, attributes: 0, limit: 0, base: 0)
        forgetContext(of: vcpu)
        let domain = vcpu.pointee.domain
        // The domain's time stamps begin with it.
        let first = domain.pointee.vcpu(VCPUID(0))
        block[VMCBField.tscOffset] =
            if let first, first != vcpu { first.pointee.extra.block[VMCBField.tscOffset] } else { 0 &- x86_read_tsc() }
        publishTime(vcpu)
    }

    func forgetContext(of vcpu: MetalVCPU) {
        vcpu.pointee.isInitialised.store(false, ordering: .relaxed)
        vcpu.pointee.extra.setUp.store(0, ordering: .relaxed)
        setRunnable(vcpu, false)
    }

    // MARK: Processors

    var processorCount: UInt32 { UInt32(root.state.pc.value.onlineCount) }

    func canRun(on processor: UInt32) -> Bool {
        processor < 256 && root.state.pc.value.states[Int(processor)].isOnline.load(ordering: .relaxed)
    }
}
