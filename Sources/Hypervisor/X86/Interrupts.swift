// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Drivers
import Machine
import Sync
import Synchronization
import VirtualPCI
import X86
import X86Machine

/// Vectors that are the hypervisor's own (Xen: asm-x86/mach-default/irq_vectors.h).
enum Vector {
    /// What the two 8259s would send if they were not masked: sixteen from here on.
    static var legacy: UInt8 { 0xe0 }
    /// Pins of the I/O APIC: 24 from here on.
    static var firstPin: UInt8 { 0x30 }
    // Messages of PCI devices: `MessageVectors`.
    static var timer: UInt8 { 0xfa }
    /// Makes a CPU leave the guest or the idle loop and look around (Xen: EVENT_CHECK_VECTOR).
    static var kick: UInt8 { 0xfc }
    static var error: UInt8 { 0xfe }
    static var spurious: UInt8 { 0xff }
}

/// Fills the table of the 256 gates, which all CPUs share.
func fillGates() {
    for vector in UInt64(0)..<256 {
        let gate = Descriptor.interruptGate(
            handler: x86_stub(vector), selector: Selector.code, stack: InterruptStack.index(vector: vector))
        x86_set_gate(vector, gate.low, gate.high)
    }
}

/// This CPU's descriptor tables, and from now on a report where it faults.
func startExceptions(_ cpu: UInt64) {
    slot(of: cpu).activate()
    x86_load_gates()
}

/// An NMI, at any time, on a small stack of its own: only leaves word.
@c(xen_nmi_x86) func takeNMI(cpu: UInt64, vector: UInt64) {
    root.state.pc.value.states[Int(cpu)].hasNMI.store(true, ordering: .relaxed)
}

/// An interrupt, with interrupts masked: only the idle loop takes any, and nothing nests.
@c(xen_interrupt_x86) func interrupt(cpu: UInt64, vector: UInt64) {
    let pc = root.state.pc.reference
    switch UInt8(truncatingIfNeeded: vector) {
    case Vector.timer:
        tick(PCPU(UInt32(truncatingIfNeeded: cpu)))
        pc.pointee.localAPIC.endInterrupt()
    case Vector.kick:
        // Whoever sent it has left word what for.
        pc.pointee.localAPIC.endInterrupt()
    case Vector.firstPin..<(Vector.firstPin + 24):
        // A level is masked first, or it would be back at once.
        takeLine(Int(vector) - Int(Vector.firstPin), from: PCPU(UInt32(truncatingIfNeeded: cpu)))
        pc.pointee.localAPIC.endInterrupt()
    case UInt8(MessageVectors<Frames>.first)..<UInt8(MessageVectors<Frames>.end):
        takeMessage(UInt8(truncatingIfNeeded: vector), on: PCPU(UInt32(truncatingIfNeeded: cpu)))
        pc.pointee.localAPIC.endInterrupt()
    case Vector.error:
        log.error("CPU\(cpu): APIC error 0x\(hex: UInt64(pc.pointee.localAPIC.clearErrors()))")
        pc.pointee.localAPIC.endInterrupt()
    case Vector.spurious, Vector.legacy..<(Vector.legacy + 16):
        // Nothing is in service.
        return
    default:
        log.warning("CPU\(cpu): unexpected interrupt vector 0x\(hex: vector)")
        pc.pointee.localAPIC.endInterrupt()
    }
}

/// Tells of an NMI that this CPU has taken. Nothing here asks for any: it is a button's, or a device's that is in trouble.
func reportNMI(_ cpu: PCPU) {
    let pc = root.state.pc.reference
    guard pc.pointee.states[cpu.index].hasNMI.exchange(false, ordering: .relaxed) else { return }
    log.warning("CPU\(cpu.rawValue): NMI received for an unknown reason")
}
