// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import X86
import X86Machine

/// Ports that dom0 does not get, though the rest of the I/O space is its own (Xen: dom0_setup_permissions): the PICs, the PIT,
/// the speaker, and the console's serial port.
private var hiddenPorts: InlineArray<6, ClosedRange<UInt16>> {
    [0x20...0x21, 0xa0...0xa1, 0x40...0x43, 0x61...0x61, 0x3f8...0x3ff, debugPort...debugPort]
}

/// Where every domain may write text (Xen: XEN_HVM_DEBUGCONS_IOPORT).
private var debugPort: UInt16 { 0xe9 }

/// Fills a map of 12 KiB: a bit for each port that is intercepted (AMD APM 2, 15.10.1).
func fillPortMap(at address: MachineAddress) {
    frames.zero(address, count: 3 * pageSize)
    let hidden = hiddenPorts
    for index in hidden.indices {
        intercept(hidden[index], in: address)
    }
    let configuration = configurationPorts
    for index in configuration.indices { intercept(configuration[index], in: address) }
    // An access that runs past port 0xffff.
    frames.store(7 as UInt8, at: address + 2 * pageSize)
}

/// Fills a map of 12 KiB for a domain that has no ports.
func fillClosedPortMap(at address: MachineAddress) {
    for offset in stride(from: UInt64(0), to: 3 * pageSize, by: 8) { frames.store(UInt64.max, at: address + offset) }
}

private func intercept(_ ports: ClosedRange<UInt16>, in map: MachineAddress) {
    for port in ports {
        let byte = map + UInt64(port >> 3)
        frames.store(frames.load(UInt8.self, at: byte) | 1 << UInt8(port & 7), at: byte)
    }
}

/// Fills a map of 8 KiB with all registers intercepted but those that the processor switches with the guest.
func fillMSRMap(at address: MachineAddress) {
    for offset in stride(from: UInt64(0), to: MSRPermission.frames * pageSize, by: 8) {
        frames.store(UInt64.max, at: address + offset)
    }
    let direct = GuestMSR.direct
    for index in direct.indices {
        guard let place = MSRPermission.place(of: direct[index].number) else { continue }
        let byte = address + place.byte
        // Writes of addresses are looked at.
        let passes = direct[index].isAddress ? place.mask & 0x55 : place.mask
        frames.store(frames.load(UInt8.self, at: byte) & ~passes, at: byte)
    }
    // Where the processor keeps it for the guest, and knows no bit more than the guest was offered.
    if passesSpeculationControl, let place = MSRPermission.place(of: GuestMSR.speculationControl) {
        let byte = address + place.byte
        frames.store(frames.load(UInt8.self, at: byte) & ~place.mask, at: byte)
    }
}

/// The answer to a read, nil where there is none.
func accessPort(_ access: PortAccess, _ value: UInt32, _ vcpu: MetalVCPU, _ pcpu: PCPU) -> UInt32? {
    guard access.port == debugPort, access.width == 1, !access.isRead else {
        return accessConfiguration(access, value, vcpu, pcpu)
    }
    let domain = vcpu.pointee.domain
    domain.pointee.consoleLine.withLock { line in
        guard line.add(UInt8(truncatingIfNeeded: value)) else { return }
        Metal(pcpu: pcpu, vcpu: vcpu).consolePrint(&line, of: domain.pointee.id)
    }
    return nil
}

/// PCI configuration space, the debug port, or a port that nobody owns: reads are all ones, writes go nowhere. Not part
/// of `handleExit`, whose every exit would pay for the registers that this needs.
@inline(never)
func handlePort(_ access: PortAccess, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: CPULocal) {
    let block = registers.block
    if access.isString { return emulateStringPort(registers, vcpu, cpu) }
    let answer = accessPort(access, UInt32(truncatingIfNeeded: registers.rax), vcpu, cpu.pcpu)
    if access.isRead {
        let old = registers.rax
        let value = UInt64(answer ?? .max)
        registers.rax =
            switch access.width {
            case 1: old & ~0xff | value & 0xff
            case 2: old & ~0xffff | value & 0xffff
            default: value
            }
    }
    block.goOn(at: access.next)
}
