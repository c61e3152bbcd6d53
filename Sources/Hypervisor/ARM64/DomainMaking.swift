// SPDX-License-Identifier: Apache-2.0

import ARM
import ARM64
import ArchARM64
import ArchCommon
import Base
import Boot
import Containers
import DomainBuilder
import Domains
import Drivers
import EventChannels
import Firmware
import GrantTables
import Hypercalls
import MMIO
import Machine
import Memory
import P2M
import Scheduler
import Sync
import Synchronization
import Timekeeping
import VirtualGIC
import XenABI

/// What every domain besides dom0 is made with.
struct DomainMould: Sendable {
    let format: Stage2Format
    let vtcr: UInt64
    /// GICv2: the virtual CPU interface, which guests see as their own.
    let cpuInterface: MFN?
    /// What the host's device tree says of the timer, Hz; 0 for nothing.
    let clockFrequency: UInt32
}

/// Where a guest that dom0 makes finds what is not RAM (arch-arm.h: GUEST_*).
private enum GuestMap {
    static var distributor: GuestAddress { GuestAddress(0x0300_1000) }
    static var cpuInterface: GuestAddress { GuestAddress(0x0300_2000) }
    static var redistributors: GuestAddress { GuestAddress(0x0302_0000) }
    static var timer: UInt32 { 27 }
}

/// The VMIDs that are taken; 0 is nobody's and 1 is dom0's.
struct VMIDTable: BitwiseCopyable {
    private var words: InlineArray<4, UInt64> = [3, 0, 0, 0]

    mutating func take() -> UInt64? {
        for index in words.indices where words[index] != .max {
            let bit = (~words[index]).trailingZeroBitCount
            words[index] |= 1 << UInt64(bit)
            return UInt64(index * 64 + bit)
        }
        return nil
    }

    mutating func giveBack(_ vmid: UInt64) { words[Int(vmid >> 6) & 3] &= ~(1 << (vmid & 63)) }
}

/// A VMID that is taken for as long as this lives.
struct VMID: ~Copyable {
    let number: UInt64

    /// Nil where all are taken.
    static func take() -> VMID? { root.state.vmids.withLock { $0.take() }.map { VMID(number: $0) } }

    /// dom0's, which it has for ever.
    static var dom0: VMID { VMID(number: 1) }

    private init(number: UInt64) { self.number = number }

    deinit { root.state.vmids.withLock { $0.giveBack(number) } }
}

// Making domains.
extension Metal {
    typealias ArchConfig = ARMDomainConfig

    func complete(_ config: inout CreateDomain<ARMDomainConfig>) throws(XenError) {
        guard config.flags & ~(CreateFlag.iommu | CreateFlag.vpmu) == CreateFlag.hvm | CreateFlag.hap else { throw .einval }
        let native = root.state.machine.value.gicVersion
        if config.arch.gicVersion == ARMDomainConfig.gicNative {
            config.arch.gicVersion = native == .v3 ? ARMDomainConfig.gicV3 : ARMDomainConfig.gicV2
        }
        let version: GICVersion
        switch config.arch.gicVersion {
        case ARMDomainConfig.gicV2: version = .v2
        case ARMDomainConfig.gicV3: version = .v3
        default: throw .einval
        }
        guard config.maximumVCPUs <= UInt32(version.maximumVCPUs), config.arch.teeType == ARMDomainConfig.teeNone else {
            throw .einval
        }
        // The hardware helps with its own version alone.
        guard version == native else { throw .enodev }
        guard config.arch.sharedInterrupts <= 1020 - 32 else { throw .einval }
        config.arch.clockFrequency = root.state.mould.value.clockFrequency
    }

    /// Xen on ARM has version 1 only (GNTTAB_MAX_VERSION).
    var grantLimits: GrantLimits { GrantLimits(frames: 64, maptrackFrames: 1024, version: 1) }
    var addressBits: UInt8 { UInt8(root.state.mould.value.format.addressBits) }

    func stage2Format() throws(XenError) -> Stage2Format { root.state.mould.value.format }

    func makeExtra(
        _ id: DomainID, _ config: CreateDomain<ARMDomainConfig>, root table: MFN
    ) throws(XenError) -> ARMDomain {
        let version = root.state.machine.value.gicVersion
        guard let vmid = VMID.take() else { throw .ebusy }
        let gic = try makeController(version, config)
        let vttbr = vmid.number << 48 | table.address.rawValue
        return ARMDomain(
            gic: gic, vttbr: vttbr, vmid: vmid, vtcr: root.state.mould.value.vtcr, distributor: GuestMap.distributor,
            distributorSize: version == .v3 ? 0x1_0000 : 0x1000,
            redistributors: version == .v3 ? GuestMap.redistributors : GuestAddress(0),
            redistributorsSize: version == .v3 ? UInt64(config.maximumVCPUs) * 0x2_0000 : 0, timer: GuestMap.timer)
    }

    private func makeController(
        _ version: GICVersion, _ config: CreateDomain<ARMDomainConfig>
    ) throws(XenError) -> VirtualGIC<MetalFrames> {
        do throws(VirtualGICError) {
            return try VirtualGIC(
                version: version, vcpus: Int(config.maximumVCPUs), sharedInterrupts: Int(config.arch.sharedInterrupts),
                frames: frames)
        } catch {
            throw error == .noMemory ? .enomem : .einval
        }
    }

    /// A GICv2 guest's CPU interface is the hardware's virtual one.
    func furnish(_ domain: MetalDomain) throws(XenError) {
        domain.pointee.pagingPool.store(firstPagingPool, ordering: .relaxed)
        guard root.state.machine.value.gicVersion == .v2, let interface = root.state.mould.value.cpuInterface else { return }
        let pages = GuestRange(start: GuestMap.cpuInterface.frame, count: 2)
        let mapped = domain.pointee.p2m.withLock {
            $0.map(pages, to: interface, type: .deviceDirect, cache: SilentCache())
        }
        guard mapped else { throw .enomem }
    }

    /// More frames than are invalidated one by one: all of the domain's translations.
    func forgetTranslations(of domain: borrowing Domain<Metal>) {
        cache(of: domain).invalidate(GuestRange(start: GFN(0), count: 1 << 20))
    }

    func makeVCPUExtra(_ id: VCPUID, of domain: MetalDomain) throws(XenError) -> ARMVCPU {
        let machine = root.state.machine.reference
        if machine.pointee.mapsTimer {
            domain.pointee.extra.gic.map(GuestMap.timer, vcpu: id, to: machine.pointee.virtualTimer)
        }
        return ARMVCPU(mpidr: 1 << 31 | GICVersion.affinity(of: id))
    }

    func setAddressSize(_ bits: UInt32, of domain: MetalDomain) throws(XenError) {
        // No 32-bit guest runs yet.
        guard bits == 64 else { throw .einval }
        guard domain.pointee.totalPages.load(ordering: .relaxed) == 0 else { throw .ebusy }
        domain.pointee.extra.is64Bit.store(true, ordering: .relaxed)
    }
}

/// Bytes that a new domain has for its page tables, as XEN_DOMCTL_get_paging_mempool_size says them (Xen: p2m_init).
var firstPagingPool: UInt64 { 16 * pageSize }
