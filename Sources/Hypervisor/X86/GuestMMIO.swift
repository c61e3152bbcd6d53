// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Machine
import Memory
import P2M
import Sync
import Synchronization
import VirtualAPIC
import X86
import X86Emulator
import X86Machine
import XenABI

/// A guest physical address that nothing is mapped at: one of the guest's interrupt controllers, a device of dom0's that has not
/// been touched before, or nothing.
func handleFault(_ fault: NestedFault, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: CPULocal) {
    let address = GuestAddress(fault.address)
    if let device = VirtualDevice(address, vcpu) { return emulate(device, address, registers, vcpu, cpu) }
    if !fault.isPresent, mapDevice(address, vcpu, cpu) { return }
    logGuest(
        vcpu,
        "access to 0x\(hex: fault.address), where nothing is, at \(hex: registers.block[VMCBField.rip], digits: 16)")
    emulate(.nothing, address, registers, vcpu, cpu)
}

/// What answers for a page.
private enum VirtualDevice {
    case localAPIC, ioAPIC, nothing

    init?(_ address: GuestAddress, _ vcpu: MetalVCPU) {
        let apic = Ref(apicOf: vcpu)
        if address.frame == vcpu.pointee.domain.pointee.extra.ioAPICFrame {
            self = .ioAPIC
        } else if address.rawValue & ~0xfff == apic.pointee.base & 0x000f_ffff_ffff_f000 {
            // In x2APIC mode, and with the APIC off, there is nothing.
            self = apic.pointee.isX2 || apic.pointee.base >> 11 & 1 == 0 ? .nothing : .localAPIC
        } else {
            return nil
        }
    }

    func read(_ offset: UInt64, _ vcpu: MetalVCPU) -> UInt64 {
        switch self {
        case .localAPIC:
            // Registers are 32 bits every 16 bytes.
            let value = Ref(apicOf: vcpu).pointee.read(UInt32(offset & 0xff0), now: systemTime()) ?? 0
            return UInt64(value) >> ((offset & 3) * 8)
        case .ioAPIC: return vcpu.pointee.domain.pointee.extra.ioAPIC.withLock { UInt64($0.read(offset)) }
        case .nothing: return .max
        }
    }

    func write(_ offset: UInt64, _ value: UInt64, _ vcpu: MetalVCPU, _ cpu: CPULocal) {
        switch self {
        case .localAPIC:
            follow(Ref(apicOf: vcpu).pointee.write(UInt32(offset & 0xff0), value, now: systemTime()), vcpu, cpu)
        case .ioAPIC:
            let domain = vcpu.pointee.domain
            let pin = domain.pointee.extra.ioAPIC.withLock { $0.write(offset, UInt32(truncatingIfNeeded: value)) }
            if let pin { followPin(pin, domain, from: cpu.pcpu) }
        case .nothing: return
        }
    }
}

/// Does what the guest's instruction would have done to a device.
private func emulate(
    _ device: VirtualDevice, _ address: GuestAddress, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: CPULocal
) {
    let block = registers.block
    let (bytes, count) = fetchInstruction(vcpu, cpu.pcpu)
    let attributes = block.codeAttributes
    let code: CodeWidth =
        block.isLongMode && attributes & SegmentAttributes.isLong != 0
        ? .bits64 : attributes & SegmentAttributes.isWide != 0 ? .bits32 : .bits16
    guard let move = MemoryMove(bytes.span.extracting(..<count), code) else {
        logGuest(vcpu, "instruction at \(hex: block[VMCBField.rip], digits: 16) cannot be emulated: \(dump(bytes, count))")
        return block.inject(.invalidOpcode)
    }
    let offset = address.offset
    switch move.operation {
    case .load(let register, let target, let isSigned):
        let value = device.read(offset, vcpu)
        let wide = extend(value, from: move.width, isSigned: isSigned)
        registers[register.number] = register.merge(wide, width: target, into: registers[register.number])
    case .store(let register):
        device.write(offset, register.read(registers[register.number], width: move.width), vcpu, cpu)
    case .storeNumber(let number): device.write(offset, number, vcpu, cpu)
    }
    block.skip(UInt64(move.length))
}

private func extend(_ value: UInt64, from width: Int, isSigned: Bool) -> UInt64 {
    let shift = UInt64(64 - width * 8)
    return isSigned ? UInt64(bitPattern: Int64(bitPattern: value << shift) >> Int64(shift)) : (value << shift) >> shift
}

private func dump(_ bytes: InlineArray<16, UInt8>, _ count: Int) -> LogLine {
    var line = LogLine()
    for index in 0..<count { line = "\(line) \(hex: UInt64(bytes[index]), digits: 2)" }
    return line
}

/// The hardware domain owns what is neither RAM nor the hypervisor's: mapped one to one when it is first touched.
private func mapDevice(_ address: GuestAddress, _ vcpu: MetalVCPU, _ cpu: CPULocal) -> Bool {
    let domain = vcpu.pointee.domain
    let frame = MFN(address.frame.rawValue)
    guard domain.pointee.isPrivileged, address.rawValue >> UInt64(root.state.pc.value.features.addressBits) == 0,
        root.frameTable.value.index(of: frame) == nil, !root.state.pc.value.isHidden(frame)
    else { return false }
    do throws(XenError) {
        try domain.pointee.map(address.frame, to: frame, type: .deviceDirect, Metal(pcpu: cpu.pcpu))
        return true
    } catch {
        return false
    }
}
