// SPDX-License-Identifier: Apache-2.0

import ARM32
import ArchARM32
import Base
import Boot
import Machine

/// An exception that the hypervisor took: always its own bug, or broken hardware.
@c(xen_host_exception) func hostException(_ frame: UnsafePointer<host_frame>) {
    // SAFETY: vectors.S filled the frame and nobody else writes it.
    let registers = unsafe frame.pointee
    ConsoleLog().emergency { console in
        console.putLine("Hypervisor exception: \(name(registers.vector)), HSR=\(hex: UInt64(registers.hsr), digits: 8)")
        console.putLine("PC:     \(symbol(registers.pc))")
        console.putLine("LR:     \(symbol(registers.lr))")
        console.putLine("SP:     \(hex: UInt64(registers.sp), digits: 8)")
        console.putLine("CPSR:   \(hex: UInt64(registers.cpsr), digits: 8)")
        dump(registers, to: &console)
        console.putLine(
            "HDFAR: \(hex: UInt64(registers.hdfar), digits: 8)  HIFAR: \(hex: UInt64(registers.hifar), digits: 8)")
        console.putLine("Xen call trace:")
        console.putLine("   \(symbol(registers.pc)) (PC)")
        // A function that called none yet has no frame record: its caller is in LR alone.
        if isCode(registers.lr) { console.putLine("   \(symbol(registers.lr)) (LR)") }
        backtrace(from: registers.r.11, to: &console)
    }
    panic(cpu: read_mpidr() & 0xff, "unexpected exception in the hypervisor")
}

private func isCode(_ address: UInt32) -> Bool {
    UInt64(address) >= boot_image_start() && UInt64(address) < boot_text_end()
}

private func symbol(_ address: UInt32) -> LogLine {
    SymbolTable().describe(UInt64(address), imageStart: boot_image_start(), textEnd: boot_text_end())
}

private func name(_ vector: UInt32) -> StaticString {
    switch vector {
    case 1: "undefined instruction: a check failed"
    case 2: "hypervisor call"
    case 3: "prefetch abort"
    case 4: "data abort"
    case 5: "trap from a guest"
    case 6: "IRQ"
    case 7: "FIQ"
    default: "reset"
    }
}

private func dump(_ registers: host_frame, to console: inout Console) {
    unsafe withUnsafeBytes(of: registers.r) { bytes in
        for row in stride(from: 0, to: 13, by: 4) {
            var line = LogLine()
            for index in row..<min(row + 4, 13) {
                // SAFETY: r has 13 words.
                let value = unsafe bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
                line = "\(line)   \(index < 10 ? " R" as StaticString : "R")\(index): \(hex: UInt64(value), digits: 8)"
            }
            console.putLine(line)
        }
    }
}

/// Follows the frame records (r11, then the return address) up the stack it started on, at most 24 of them.
private func backtrace(from start: UInt32, to console: inout Console) {
    var frame = start
    for _ in 0..<24 {
        guard frame & 3 == 0, UInt64(frame) >= boot_image_start(), UInt64(frame) < DirectMap.range.start.address.rawValue
        else { return }
        // SAFETY: a frame record on a stack of the hypervisor's; a wild pointer faults, and vectors.S stops a second fault.
        let record = unsafe UnsafePointer<UInt32>(bitPattern: UInt(frame)).unsafelyUnwrapped
        let next = unsafe record[0]
        let address = unsafe record[1]
        guard address != 0 else { return }
        console.putLine("   \(symbol(address))")
        guard next > frame, next - frame < 65536 else { return }
        frame = next
    }
}
