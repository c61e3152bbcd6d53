// SPDX-License-Identifier: Apache-2.0

import ArchARM64
public import Drivers
public import MMIO

/// A GICv3's CPU side through system registers (ARM IHI 0069 12.2, 12.4).
public struct GICv3: Sendable {
    public let distributor: GICDistributor<MappedBus>

    public init(distributor: MappedBus) { self.distributor = GICDistributor(distributor, isV3: true) }

    /// Sets up this CPU's redistributor and interface; EOImode 1 as in GICv2.
    public func startCPU(redistributor: GICRedistributor<MappedBus>) {
        write_icc_sre_el2(0xf)
        arm64_isb()
        write_icc_sre_el1(1)
        arm64_isb()
        redistributor.start()
        write_icc_pmr_el1(0xff)
        write_icc_bpr1_el1(0)
        write_icc_ctlr_el1(1 << 1)
        write_icc_igrpen1_el1(1)
        write_ich_hcr_el2(1)
        write_ich_vmcr_el2(0)
        arm64_isb()
    }

    @inline(__always) public func acknowledge() -> UInt32 { UInt32(truncatingIfNeeded: read_icc_iar1_el1()) }
    @inline(__always) public func endPriority(_ value: UInt32) { write_icc_eoir1_el1(UInt64(value)) }
    @inline(__always) public func deactivate(_ value: UInt32) { write_icc_dir_el1(UInt64(value)) }

    /// A software interrupt to the CPU with this MPIDR.
    public func send(_ interrupt: UInt32, to mpidr: UInt64) {
        let affinity = (mpidr >> 32 & 0xff) << 48 | (mpidr >> 16 & 0xff) << 32 | (mpidr >> 8 & 0xff) << 16
        let range = (mpidr >> 4 & 0xf) << 44
        write_icc_sgi1r_el1(affinity | range | UInt64(interrupt) << 24 | 1 << (mpidr & 0xf))
        arm64_isb()
    }

    // MARK: Virtual interface

    public var listRegisterCount: Int { Int(read_ich_vtr_el2() & 0x1f) + 1 }
    /// Preemption bits decide how many active-priority registers there are: 1, 2 or 4.
    public var activePriorityRegisters: Int { 1 << max(0, Int(read_ich_vtr_el2() >> 26 & 7) - 4) }
    @inline(__always) public var emptyListRegisters: UInt64 { read_ich_elrsr_el2() }
    @inline(__always) public var control: UInt32 { UInt32(truncatingIfNeeded: read_ich_hcr_el2()) }
    @inline(__always) public func setControl(_ value: UInt32) { write_ich_hcr_el2(UInt64(value)) }
    public var maintenance: UInt32 { UInt32(truncatingIfNeeded: read_ich_misr_el2()) }

    public func listRegister(_ index: Int) -> UInt64 {
        switch index {
        case 0: read_ich_lr0_el2()
        case 1: read_ich_lr1_el2()
        case 2: read_ich_lr2_el2()
        case 3: read_ich_lr3_el2()
        case 4: read_ich_lr4_el2()
        case 5: read_ich_lr5_el2()
        case 6: read_ich_lr6_el2()
        case 7: read_ich_lr7_el2()
        case 8: read_ich_lr8_el2()
        case 9: read_ich_lr9_el2()
        case 10: read_ich_lr10_el2()
        case 11: read_ich_lr11_el2()
        case 12: read_ich_lr12_el2()
        case 13: read_ich_lr13_el2()
        case 14: read_ich_lr14_el2()
        default: read_ich_lr15_el2()
        }
    }

    public func setListRegister(_ index: Int, _ value: UInt64) {
        switch index {
        case 0: write_ich_lr0_el2(value)
        case 1: write_ich_lr1_el2(value)
        case 2: write_ich_lr2_el2(value)
        case 3: write_ich_lr3_el2(value)
        case 4: write_ich_lr4_el2(value)
        case 5: write_ich_lr5_el2(value)
        case 6: write_ich_lr6_el2(value)
        case 7: write_ich_lr7_el2(value)
        case 8: write_ich_lr8_el2(value)
        case 9: write_ich_lr9_el2(value)
        case 10: write_ich_lr10_el2(value)
        case 11: write_ich_lr11_el2(value)
        case 12: write_ich_lr12_el2(value)
        case 13: write_ich_lr13_el2(value)
        case 14: write_ich_lr14_el2(value)
        default: write_ich_lr15_el2(value)
        }
    }

    /// ICH_AP1R<n>_EL2; group 0 is not given to guests.
    public func activePriorities(_ index: Int) -> UInt64 {
        switch index {
        case 0: read_ich_ap1r0_el2()
        case 1: read_ich_ap1r1_el2()
        case 2: read_ich_ap1r2_el2()
        default: read_ich_ap1r3_el2()
        }
    }

    public func setActivePriorities(_ index: Int, _ value: UInt64) {
        switch index {
        case 0: write_ich_ap1r0_el2(value)
        case 1: write_ich_ap1r1_el2(value)
        case 2: write_ich_ap1r2_el2(value)
        default: write_ich_ap1r3_el2(value)
        }
    }
}
