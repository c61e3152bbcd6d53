// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import EventChannels
import Hypercalls
import Machine
import Memory
import Scheduler
import Sync
import Synchronization
import VirtualAPIC
import X86
import X86Machine
import XenABI

// How a guest's vCPU stops: it halts, or it or its domain ends.

/// HLT
func halt(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    guard skip(.halt, vcpu, cpu.pcpu) else { return false }
    let interruptsAreMasked = vcpu.pointee.extra.block[VMCBField.rflags] >> 9 & 1 == 0
    if interruptsAreMasked, !vcpu.pointee.extra.hasNMI.load(ordering: .relaxed) {
        // Only INIT or an NMI wake it: what waits at the APIC must not.
        return vcpu.pointee.domain.pointee.id == .dom0 ? sleepMasked(vcpu, &cpu) : goDown(vcpu, &cpu)
    }
    block(vcpu, &cpu)
    return true
}

/// A processor that halts with interrupts masked, as Linux parks one that is taken offline. With the last the machine is off.
private func sleepMasked(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    vcpu.pointee.extra.isParked.store(true, ordering: .sequentiallyConsistent)
    let domain = vcpu.pointee.domain
    var canGoOn = false
    domain.pointee.forEachVCPU { if $0.pointee.canGoOn { canGoOn = true } }
    guard canGoOn else {
        shutDown(domain, .powerOff, Metal(pcpu: cpu.pcpu))
        return leave(vcpu, &cpu)
    }
    vcpu.pointee.extra.place.store(0, ordering: .relaxed)
    root.state.scheduler.block(on: cpu.pcpu)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    if vcpu.pointee.extra.startup.load(ordering: .relaxed) != 0 || vcpu.pointee.extra.hasNMI.load(ordering: .relaxed) {
        _ = root.state.scheduler.wake(UnitID(vcpu.pointee.unit))
    }
    cpu.current = nil
    return true
}

extension VCPU<Metal> {
    /// Whether it will run again, as far as its domain's own doing goes.
    fileprivate var canGoOn: Bool {
        isUp.load(ordering: .sequentiallyConsistent)
            && (!extra.isParked.load(ordering: .sequentiallyConsistent) || extra.startup.load(ordering: .relaxed) != 0
                || extra.hasNMI.load(ordering: .relaxed))
    }
}

/// The same of another domain's: it is down, and the domain is off with the last (Xen: hvm_vcpu_down).
private func goDown(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    let domain = vcpu.pointee.domain
    stop(vcpu, &cpu, keeps: true)
    var isAnyUp = false
    domain.pointee.forEachVCPU { if $0.pointee.isUp.load(ordering: .sequentiallyConsistent) { isAnyUp = true } }
    if !isAnyUp { shutDown(domain, .powerOff, Metal(pcpu: cpu.pcpu)) }
    return true
}

/// The vCPU's domain has shut down: dom0's vCPUs stop for good, others' until somebody resumes it.
func leave(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    if vcpu.pointee.domain.pointee.id == .dom0 { stop(vcpu, &cpu) }
    return true
}

/// What is to be done is the domain's parameter; dom0 has crashed (Xen: hvm_triple_fault).
func tripleFault(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    let domain = vcpu.pointee.domain
    guard domain.pointee.id != .dom0 else { return crashed(vcpu, &cpu, "triple fault") }
    report(vcpu, "triple fault")
    let action = domain.pointee.parameters.withLock { $0[Int(HVMParam.tripleFaultReason.rawValue)] }
    domain.pointee.shutDown(UInt32(truncatingIfNeeded: action & 0xff), Metal(pcpu: cpu.pcpu))
    return leave(vcpu, &cpu)
}

/// `crash` for a vCPU that cannot go on.
func crashed(_ vcpu: MetalVCPU, _ cpu: inout CPULocal, _ why: LogLine) -> Bool {
    crash(vcpu, why)
    return leave(vcpu, &cpu)
}

/// The domain ends: its vCPU cannot go on.
func crash(_ vcpu: MetalVCPU, _ why: LogLine) {
    report(vcpu, why)
    shutDown(vcpu.pointee.domain, .crash, Metal(pcpu: root.state.units.value.home(Int(vcpu.pointee.unit))))
}

/// Where the vCPU is. Another domain's may end itself as often as it is started again, so that is a guest's line.
private func report(_ vcpu: MetalVCPU, _ why: LogLine) {
    let block = vcpu.pointee.extra.block
    let domain = vcpu.pointee.domain.pointee.id
    guard domain == .dom0 || root.state.guestLog.withLock({ $0.take(now: systemTime()) }) else { return }
    log.error(
        "d\(domain.rawValue)v\(vcpu.pointee.id.rawValue): \(why), at \(hex: UInt64(block.load(VMCBField.cs, as: UInt16.self)), digits: 4):\(hex: block[VMCBField.rip], digits: 16)"
    )
    log.error(
        "  cr0 \(hex: block[VMCBField.cr0]) cr2 \(hex: block[VMCBField.cr2]) cr3 \(hex: block[VMCBField.cr3]) cr4 \(hex: block[VMCBField.cr4]) efer \(hex: block[VMCBField.efer]) rsp \(hex: block[VMCBField.rsp]) rflags \(hex: block[VMCBField.rflags])"
    )
}
