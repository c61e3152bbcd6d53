// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import EventChannels
import Machine
import Sync
import Synchronization
import VirtualAPIC
import X86
import X86Machine
import XenABI

/// The vector by which a domain's events come where a vCPU has none of its own (HVM_PARAM_CALLBACK_IRQ); 0 for none.
private func callbackVector(_ domain: MetalDomain) -> UInt8 {
    let parameter = domain.pointee.parameters.withLock { $0[Int(HVMParam.callbackIRQ.rawValue)] }
    return parameter >> 56 == HVMCallback.typeVector ? UInt8(truncatingIfNeeded: parameter) : 0
}

/// Events wait that come by the domain's callback: not an interrupt of the APIC's, and not ended there.
private func pendingCallback(_ vcpu: MetalVCPU) -> UInt8? {
    guard vcpu.pointee.extra.upcallVector.load(ordering: .relaxed) == 0,
        vcpu.pointee.domain.pointee.events.pointee.isUpcallPending(vcpu.pointee.id)
    else { return nil }
    let vector = callbackVector(vcpu.pointee.domain)
    return vector != 0 ? vector : nil
}

/// Whether something waits that would wake a vCPU which halts.
func hasInterrupt(_ vcpu: MetalVCPU) -> Bool {
    vcpu.pointee.extra.hasNMI.load(ordering: .relaxed)
        || vcpu.pointee.extra.startup.load(ordering: .relaxed) != 0
        || pendingCallback(vcpu) != nil || vcpu.pointee.extra.apic.pending != nil
}

/// Before the guest goes on: gives it what waits, or asks to be told when it can be given.
@inline(__always)
func prepareInterrupts(_ vcpu: MetalVCPU) {
    let block = vcpu.pointee.extra.block
    let apic = Ref(apicOf: vcpu)
    block[VMCBField.virtualInterrupt] = VirtualInterrupt.masking | UInt64(apic.pointee.taskPriority >> 4)
    var intercepts = Intercept.first
    let isBusy = InjectedEvent(rawValue: block[VMCBField.eventInjection]).isValid
    if !isBusy, vcpu.pointee.extra.hasNMI.exchange(false, ordering: .relaxed) {
        vcpu.pointee.extra.isParked.store(false, ordering: .sequentiallyConsistent)
        block.inject(.nmi)
    } else if let vector = pendingCallback(vcpu) ?? apic.pointee.pending {
        let takes = block[VMCBField.rflags] >> 9 & 1 != 0 && block[VMCBField.interruptShadow] & 1 == 0
        if takes, !isBusy {
            // Not by event injection: QEMU (7.2) may give such an interrupt to the guest twice, the second time with its
            // interrupts off.
            let isAPICs = pendingCallback(vcpu) == nil && apic.pointee.pending == vector
            if isAPICs { apic.pointee.accept(vector) }
            block[VMCBField.virtualInterrupt] |= VirtualInterrupt.delivery(of: vector, isAPICs: isAPICs)
        } else {
            // A dummy of the highest priority, whose delivery is what we want to hear of.
            block[VMCBField.virtualInterrupt] |= VirtualInterrupt.request | VirtualInterrupt.ignorePriority
            intercepts |= Intercept.window
        }
    }
    block.store(intercepts, VMCBField.intercepts1)
}

extension Ref where Value == VirtualLocalAPIC {
    init(apicOf vcpu: MetalVCPU) {
        // SAFETY: a vCPU is never moved.
        unsafe self.init(
            unsafe: UnsafeMutablePointer(mutating: withUnsafePointer(to: vcpu.pointee.extra.apic) { unsafe $0 }))
    }
}

/// After the guest has left: an event that it was taking is taken again, an interrupt that it has not taken waits again, and its
/// priority is read back.
@inline(__always)
func collectInterrupts(_ vcpu: MetalVCPU) {
    let block = vcpu.pointee.extra.block
    block[VMCBField.eventInjection] = 0
    let event = InjectedEvent(rawValue: block[VMCBField.exitInterrupt])
    let word = block[VMCBField.virtualInterrupt]
    let undelivered = VirtualInterrupt.undelivered(word)
    if let undelivered, undelivered.isAPICs { vcpu.pointee.extra.apic.decline(undelivered.vector) }
    if event.isValid, !event.isSoftware, !event.isDelivery(of: undelivered?.vector) { block.inject(event) }
    let priority = UInt8(truncatingIfNeeded: word & 0xf)
    let apic = Ref(apicOf: vcpu)
    if apic.pointee.taskPriority >> 4 != priority { apic.pointee.taskPriority = priority << 4 }
}

// MARK: Between vCPUs

/// What a guest's local APIC wants done.
func follow(_ effect: LocalAPICEffect, _ vcpu: MetalVCPU, _ cpu: CPULocal) {
    switch effect {
    case .none, .refused: return
    case .turnedOn:
        // An APIC that was off has not taken the interrupt that tells of events; they still wait.
        let vector = vcpu.pointee.extra.upcallVector.load(ordering: .relaxed)
        guard vector != 0, vcpu.pointee.domain.pointee.events.pointee.isUpcallPending(vcpu.pointee.id) else { return }
        vcpu.pointee.extra.apic.post(vector, isLevel: false)
    case .timerChanged: requestTimer(of: vcpu, from: cpu.pcpu)
    case .ended(let vector): endLevel(vector, vcpu.pointee.domain, from: cpu.pcpu)
    case .send(let command):
        guard !command.isDeassert else { return }
        let domain = vcpu.pointee.domain
        for number in 0..<UInt32(domain.pointee.vcpuCount) {
            guard let target = domain.pointee.vcpu(VCPUID(number)) else { continue }
            let address = target.pointee.extra.apic.address
            guard
                command.reaches(
                    target.pointee.extra.apic.id, isSender: target == vcpu, logical: address.logical, isFlat: address.isFlat)
            else { continue }
            deliver(command, to: target, from: cpu.pcpu)
        }
    }
}

private func deliver(_ command: InterprocessorCommand, to target: MetalVCPU, from pcpu: PCPU) {
    switch command.delivery {
    case .fixed, .lowest: target.pointee.extra.apic.post(command.vector, isLevel: false)
    case .nmi: target.pointee.extra.hasNMI.store(true, ordering: .relaxed)
    case .initialise: return sendInit(to: target, from: pcpu)
    case .startup: return sendStartup(command.vector, to: target, from: pcpu)
    case .smi, .reserved, .external: return
    }
    kick(target, from: pcpu)
}

/// INIT: a vCPU that is up stops at its next turn; one that is down waits for its startup message anyway.
private func sendInit(to target: MetalVCPU, from pcpu: PCPU) {
    guard target.pointee.isUp.load(ordering: .acquiring) else { return }
    target.pointee.extra.startup.store(Startup.isInit, ordering: .sequentiallyConsistent)
    kick(target, from: pcpu)
}

private func sendStartup(_ page: UInt8, to target: MetalVCPU, from pcpu: PCPU) {
    if target.pointee.isUp.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged {
        return startInRealMode(target, page, from: pcpu)
    }
    // It is about to stop: it starts itself then.
    _ = target.pointee.extra.startup.replace(Startup.isInit, by: Startup.isInit | Startup.isStart | UInt32(page))
}

/// The vCPU has been sent INIT, or is to be down, from where it can go on.
func takeStop(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    let goesDown = vcpu.pointee.extra.startup.load(ordering: .relaxed) == Startup.isDown
    // Where it does not it has been started again meanwhile.
    if goesDown, !vcpu.pointee.extra.startup.replace(Startup.isDown, by: Startup.isStopping) { return }
    stop(vcpu, &cpu, keeps: goesDown)
    let startup = vcpu.pointee.extra.startup.exchange(0, ordering: .sequentiallyConsistent)
    vcpu.pointee.extra.isParked.store(false, ordering: .sequentiallyConsistent)
    if startup & Startup.isAgain != 0 { _ = startAgain(vcpu, from: cpu.pcpu) }
    if startup & Startup.isStart != 0 { sendStartup(UInt8(truncatingIfNeeded: startup), to: vcpu, from: cpu.pcpu) }
}

private func startInRealMode(_ vcpu: MetalVCPU, _ page: UInt8, from pcpu: PCPU) {
    resetToRealMode(vcpu, page: page)
    vcpu.pointee.changeRunstate(to: .runnable, now: systemTime())
    Metal(pcpu: pcpu).startRunning(vcpu)
}
