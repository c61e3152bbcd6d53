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

/// An exception that the hypervisor took: always its own bug, or broken hardware.
@c(xen_host_exception) func hostException(_ frame: UnsafePointer<host_frame>) {
    // SAFETY: vectors.S filled the frame and nobody else writes it.
    let registers = unsafe frame.pointee
    let processor = UInt32(truncatingIfNeeded: read_mpidr_el1() & 0xff)
    ConsoleLog().emergency { console in
        let exceptionClass = registers.esr >> 26 & 0x3f
        console.putLine("Hypervisor exception: ESR=\(hex: registers.esr, digits: 8) (\(describe(exceptionClass)))")
        console.putLine("PC:     \(symbol(registers.pc))")
        console.putLine("LR:     \(symbol(registers.x.30))")
        console.putLine("SP:     \(hex: registers.sp, digits: 16)")
        console.putLine("CPSR:   \(hex: registers.pstate, digits: 16)")
        dump(registers, to: &console)
        console.putLine("FAR_EL2: \(hex: registers.far, digits: 16)  HCR_EL2: \(hex: read_hcr_el2(), digits: 16)")
        console.putLine("Xen call trace:")
        console.putLine("   \(symbol(registers.pc)) (PC)")
        backtrace(from: registers.x.29, to: &console)
    }
    panic(cpu: processor, "unexpected exception in the hypervisor")
}

private func symbol(_ address: UInt64) -> LogLine {
    SymbolTable().describe(address, imageStart: boot_image_start(), textEnd: boot_text_end())
}

private func describe(_ exceptionClass: UInt64) -> StaticString {
    switch exceptionClass {
    case 0x0e: "illegal execution state"
    case 0x21: "instruction abort"
    case 0x22: "misaligned PC"
    case 0x25: "data abort"
    case 0x26: "misaligned SP"
    case 0x2f: "SError"
    case 0x3c: "BRK: a check failed"
    default: "unexpected class"
    }
}

private func dump(_ registers: host_frame, to console: inout Console) {
    unsafe withUnsafeBytes(of: registers.x) { bytes in
        for row in stride(from: 0, to: 30, by: 3) {
            var line = LogLine()
            for index in row..<row + 3 {
                // SAFETY: x has 31 words.
                let value = unsafe bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
                line = "\(line)   \(index < 10 ? " X" as StaticString : "X")\(index): \(hex: value, digits: 16)"
            }
            console.putLine(line)
        }
    }
}

/// Follows the frame records up the stack it started on, at most 24 of them.
private func backtrace(from start: UInt64, to console: inout Console) {
    var frame = start
    for _ in 0..<24 {
        guard frame & 15 == 0, frame >= boot_image_start(), frame < 0x0000_0300_0000_0000 else { return }
        // SAFETY: a frame record on a stack of the hypervisor's; a wild pointer faults, and vectors.S stops a second fault.
        let record = unsafe UnsafePointer<UInt64>(bitPattern: UInt(frame)).unsafelyUnwrapped
        let next = unsafe record[0]
        let address = unsafe record[1]
        guard address != 0 else { return }
        console.putLine("   \(symbol(address))")
        guard next > frame, next - frame < 65536 else { return }
        frame = next
    }
}
