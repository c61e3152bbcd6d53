// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Machine
import Memory
import X86Emulator
import X86Machine

// The vector registers of the vCPU that runs here: in the processor's own, but for a moment in its area (AMD APM 2, 11.4.4).

private enum SaveArea {
    static var xmm: UInt64 { 160 }
    /// XSTATE_BV: parts that are not as after reset.
    static var parts: UInt64 { 512 }
    static var sse: UInt64 { 1 << 1 }
}

/// The guest's registers in its area; what it has made of XCR0 is returned.
private func saveRegisters(of vcpu: MetalVCPU) -> UInt64 {
    let states = extendedStates()
    let control = states != 0 ? x86_read_xcr0() : 0
    if states != 0 { x86_write_xcr0(states) }
    // SAFETY: the area is the vCPU's frame, which nobody else uses.
    unsafe x86_save_fp(UInt64(UInt(bitPattern: frames.pointer(to: vcpu.pointee.extra.vectors))), states)
    return control
}

/// A vector register of the vCPU that runs here.
func vectorRegister(_ number: Int, of vcpu: MetalVCPU) -> VectorRegister {
    let control = saveRegisters(of: vcpu)
    let area = vcpu.pointee.extra.vectors
    if extendedStates() != 0 {
        x86_write_xcr0(control)
        if frames.load(UInt64.self, at: area + SaveArea.parts) & SaveArea.sse == 0 { return VectorRegister() }
    }
    let place = area + SaveArea.xmm + UInt64(number & 15) * 16
    return VectorRegister(low: frames.load(UInt64.self, at: place), high: frames.load(UInt64.self, at: place + 8))
}

/// Sets it.
func setVectorRegister(_ number: Int, of vcpu: MetalVCPU, to value: VectorRegister) {
    let control = saveRegisters(of: vcpu)
    let states = extendedStates()
    let area = vcpu.pointee.extra.vectors
    if states != 0 {
        let parts = frames.load(UInt64.self, at: area + SaveArea.parts)
        if parts & SaveArea.sse == 0 { frames.zero(area + SaveArea.xmm, count: 256) }
        frames.store(parts | SaveArea.sse, at: area + SaveArea.parts)
    }
    let place = area + SaveArea.xmm + UInt64(number & 15) * 16
    frames.store(value.low, at: place)
    frames.store(value.high, at: place + 8)
    // SAFETY: as above.
    unsafe x86_restore_fp(UInt64(UInt(bitPattern: frames.pointer(to: area))), states)
    if states != 0 { x86_write_xcr0(control) }
}
