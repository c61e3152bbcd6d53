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

/// The heap's frames on this machine.
typealias MetalFrames = HeapFrames<Frames>
typealias MetalDomain = Ref<Domain<Metal>>
typealias MetalVCPU = Ref<VCPU<Metal>>

/// This machine, as portable code asks it: one pCPU's view.
struct Metal: Platform {
    typealias Frames = MetalFrames
    typealias Guest = RunningGuest
    typealias Format = Stage2Format
    typealias Cache = Stage2Cache
    typealias Log = GuestLog
    typealias DomainExtra = ARMDomain
    typealias VCPUExtra = ARMVCPU

    let pcpu: PCPU

    var frames: MetalFrames { MetalFrames(root.heap.reference) }
    var guest: RunningGuest { RunningGuest(pcpu: pcpu) }
    var log: GuestLog { GuestLog() }
    func now() -> SystemTime { root.state.machine.value.now }
    func cache(of domain: borrowing Domain<Metal>) -> Stage2Cache { Stage2Cache(vttbr: domain.extra.vttbr) }

    func raiseUpcall(_ vcpu: MetalVCPU) { pulse(ARMDomain.eventInterrupt, vcpu, from: pcpu) }
    func wake(_ vcpu: MetalVCPU) { kick(vcpu, from: pcpu) }
    /// ARM guests mask events by masking interrupts.
    func unmaskUpcalls(_ vcpu: MetalVCPU) {
        // SAFETY: the vCPU is the caller, so it runs on this pCPU.
        let registers = unsafe GuestRegisters(vcpu.pointee.extra.frame.address)
        registers.pstate &= ~(1 << 7)  // PSTATE.I
    }
    /// The timer is programmed anew each time that the scheduler was asked.
    func timersChanged(_ vcpu: MetalVCPU) {
        root.state.machine.value.states[pcpu.index].reschedule.store(true, ordering: .relaxed)
    }
    /// ISR_EL1: an interrupt is pending though masked.
    var shouldPreempt: Bool { read_isr_el1() != 0 }

    /// By virtual address to the point of coherency. What is invalidated is cleaned too, because a line may hold more
    /// than the bytes that are asked for.
    func maintainCache(_ start: MachineAddress, count: UInt64, clean: Bool, invalidate: Bool) {
        let line: UInt64 = 4 << (read_ctr_el0() >> 16 & 15)
        var address = alignedDown(UInt64(DirectMap.base) + start.rawValue, to: line)
        let end = UInt64(DirectMap.base) + start.rawValue + count
        while address < end {
            if invalidate { arm64_dc_civac(address) } else { arm64_dc_cvac(address) }
            address += line
        }
        arm64_dsb_sy()
    }

    /// Where guests have the words of their shared_info.
    static var layout: SharedInfoLayout { .arm }
    /// Xen's (XEN_VIRT_START).
    var virtualStart: UInt64 { 0x20_0000 }
    var capabilities: StaticString { "xen-3.0-aarch64 xen-3.0-armv7l " }
    var machineFeatures: UInt32 { Feature.armSMCCCSupported.bit }
    /// What is set is the toolstack's affair alone (Xen: arch/arm/hvm.c).
    var parameters: ParameterSets {
        ParameterSets(
            readable: HVMParam.callbackIRQ.bit | HVMParam.storePFN.bit | HVMParam.storeEvtchn.bit | HVMParam.consolePFN.bit
                | HVMParam.consoleEvtchn.bit, settable: 0, toolstack: HVMParam.monitorRingPFN.bit)
    }
}

/// The memory of the guest whose registers this CPU holds.
struct RunningGuest: GuestMemory {
    let pcpu: PCPU
    var frames: Frames { Frames() }

    /// The barrier is for the table walker, which reads later than the window is seen to be open.
    @inline(__always) func beginCopy() {
        root.state.copying[pcpu.index].open()
        arm64_dsb_ish()
    }
    @inline(__always) func endCopy() { root.state.copying[pcpu.index].close() }

    /// The processor walks the guest's tables and ours. What stage 2 lets the guest read (or write) it may have us read
    /// (or write), if it is RAM.
    @inline(__always) func translate(_ address: GuestVirtualAddress, write: Bool) -> MachineAddress? {
        let saved = readTranslation()
        if write { arm64_at_s12e1w(address.rawValue) } else { arm64_at_s12e1r(address.rawValue) }
        arm64_isb()
        let result = readTranslation()
        write_par_el1(saved)
        guard result & 1 == 0 else { return nil }
        let place = MachineAddress(result & 0x0000_ffff_ffff_f000)
        guard root.frameTable.value.index(of: place.frame) != nil else { return nil }
        return place + address.offset
    }
}

/// One domain's stage-2 translations in every CPU's TLB.
struct Stage2Cache: TranslationCache {
    let vttbr: UInt64

    func entriesWritten() { arm64_dsb_ishst() }

    func invalidate(_ frames: GuestRange) {
        // The TLB operations work on the VMID that VTTBR_EL2 names.
        let current = read_vttbr_el2()
        if current != vttbr {
            write_vttbr_el2(vttbr)
            arm64_isb()
        }
        if frames.count <= 16 {
            for offset in 0..<frames.count { arm64_tlbi_ipas2e1is(frames.start.rawValue + offset) }
            arm64_dsb_ish()
            arm64_tlbi_vmalle1is()
        } else {
            arm64_tlbi_vmalls12e1is()
        }
        finish(current)
    }

    func invalidate(each frames: borrowing Span<GFN>) {
        let current = read_vttbr_el2()
        if current != vttbr {
            write_vttbr_el2(vttbr)
            arm64_isb()
        }
        for index in frames.indices { arm64_tlbi_ipas2e1is(frames[index].rawValue) }
        arm64_dsb_ish()
        arm64_tlbi_vmalle1is()
        finish(current)
    }

    private func finish(_ current: UInt64) {
        arm64_dsb_ish()
        if has(.earlyInvalidation) {
            arm64_tlbi_nothing()
            arm64_dsb_ish()
        }
        arm64_isb()
        // A hypercall on another pCPU may have looked up what was there before.
        for number in 0..<root.state.machine.value.processorCount {
            root.state.copying[number].waitUntilClosed()
        }
        if current != vttbr {
            write_vttbr_el2(current)
            arm64_isb()
        }
    }
}
