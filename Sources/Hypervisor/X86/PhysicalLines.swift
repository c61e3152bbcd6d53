// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Drivers
import MMIO
import Machine
import Sync
import Synchronization
import VirtualAPIC
import X86
import X86Machine

/// The pins of the machine's I/O APIC belong to dom0: each is programmed as dom0 has programmed its own.

/// The line of the ISA bus by which the console's serial port interrupts stays ours.
private var consolePin: Int? {
    let pin = root.state.consolePin.load(ordering: .relaxed)
    return pin < 0 ? nil : pin
}

/// Lets the serial port interrupt.
func startConsoleInput() {
    if let consolePin { setLine(consolePin, isMasked: false, isLevel: false, isActiveLow: false) }
}

/// Host vector of a pin.
func vector(ofPin pin: Int) -> UInt8 { Vector.firstPin + UInt8(truncatingIfNeeded: pin) }

/// dom0 has changed a pin's entry, or it has ended: the line behind it follows.
func followPin(_ pin: Int, _ domain: MetalDomain, from pcpu: PCPU) {
    guard pin != consolePin else { return }
    let message: VirtualIOAPIC.Entry? = domain.pointee.extra.ioAPIC.withLock { apic in
        let entry = apic[pin]
        setLine(pin, isMasked: entry.isMasked || entry.isInService, isLevel: entry.isLevel, isActiveLow: entry.isActiveLow)
        return apic.deliver(pin)
    }
    if let message { send(message, domain, from: pcpu) }
}

private func setLine(_ pin: Int, isMasked: Bool, isLevel: Bool, isActiveLow: Bool) {
    let pc = root.state.pc.reference
    pc.pointee.ioAPIC.withLock {
        $0?.route(
            UInt32(pin), vector: vector(ofPin: pin), to: UInt8(truncatingIfNeeded: pc.pointee.processors[0].apicID),
            isLevel: isLevel, isActiveLow: isActiveLow, isMasked: isMasked)
    }
}

/// A device has interrupted. A level stays masked until dom0 has ended its own.
func takeLine(_ pin: Int, from pcpu: PCPU) {
    if pin == consolePin {
        return root.state.pc.value.states[pcpu.index].consoleFired.store(true, ordering: .relaxed)
    }
    guard root.state.dom0.isSet else { return }
    let domain = root.state.dom0.value
    let message: VirtualIOAPIC.Entry? = domain.pointee.extra.ioAPIC.withLock { apic in
        let entry = apic[pin]
        let message = apic.assert(pin)
        if entry.isLevel {
            // The line itself keeps the state: it interrupts again when it is unmasked.
            apic.deassert(pin)
            setLine(pin, isMasked: true, isLevel: true, isActiveLow: entry.isActiveLow)
        }
        return message
    }
    if let message { send(message, domain, from: pcpu) }
}

/// dom0 has ended a level-triggered interrupt.
func endLevel(_ vector: UInt8, _ domain: MetalDomain, from pcpu: PCPU) {
    var pins = domain.pointee.extra.ioAPIC.withLock { $0.end(vector) }
    while pins != 0 {
        followPin(pins.trailingZeroBitCount, domain, from: pcpu)
        pins &= pins - 1
    }
}

private func send(_ message: VirtualIOAPIC.Entry, _ domain: MetalDomain, from pcpu: PCPU) {
    send(message.vector, message.delivery, to: message.destination, isLevel: message.isLevel, domain, from: pcpu)
}

/// A device's interrupt goes to the vCPUs that it is meant for.
func send(
    _ vector: UInt8, _ delivery: InterprocessorCommand.Delivery, to destination: Destination, isLevel: Bool,
    _ domain: MetalDomain, from pcpu: PCPU
) {
    for number in 0..<UInt32(domain.pointee.vcpuCount) {
        guard let vcpu = domain.pointee.vcpu(VCPUID(number)) else { continue }
        guard destination.reaches(vcpu) else { continue }
        switch delivery {
        case .fixed, .lowest: vcpu.pointee.extra.apic.post(vector, isLevel: isLevel)
        case .nmi: vcpu.pointee.extra.hasNMI.store(true, ordering: .relaxed)
        default: return
        }
        kick(vcpu, from: pcpu)
        if delivery == .lowest { return }
    }
}
