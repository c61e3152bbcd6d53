// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Boot
import Machine
import X86
import X86Machine

/// An exception that the hypervisor took: its own bug, or broken hardware. In Xen's words and order.
@c(xen_host_exception) func hostException(_ frame: UnsafePointer<host_frame>, cpu: UInt64) -> Never {
    // SAFETY: exceptions.S filled the frame and nobody else writes it.
    let registers = unsafe frame.pointee
    let address = x86_read_cr2()
    startEmergencyConsole()
    ConsoleLog().emergency { console in
        console.putLine("----[ Xen-4.17 (swift-xen)  x86_64 ]----")
        console.putLine("CPU:    \(cpu)")
        console.putLine("RIP:    \(hex: registers.cs, digits: 4):\(symbol(registers.rip))")
        console.putLine("RFLAGS: \(hex: registers.rflags, digits: 16)   CONTEXT: hypervisor")
        dump(registers, to: &console)
        console.putLine("cr0: \(hex: x86_read_cr0(), digits: 16)   cr4: \(hex: x86_read_cr4(), digits: 16)")
        console.putLine("cr3: \(hex: x86_read_cr3(), digits: 16)   cr2: \(hex: address, digits: 16)")
        console.putLine("Xen call trace:")
        console.putLine("   \(symbol(registers.rip)) R")
        backtrace(from: registers.rbp, to: &console)
    }
    panic(cpu: UInt32(truncatingIfNeeded: cpu), reason(registers, address, cpu))
}

private func reason(_ registers: host_frame, _ address: UInt64, _ cpu: UInt64) -> LogLine {
    let name = ExceptionVector.name(registers.vector)
    switch registers.vector {
    case ExceptionVector.pageFault, ExceptionVector.doubleFault:
        // Bit 4 of the error code: it was the fetch of an instruction (Intel SDM 3A, 4.7).
        if slot(of: cpu).isGuard(address), registers.error & 0x10 == 0 {
            return "stack overflow: \(name) at linear address \(hex: address, digits: 16)"
        }
        if registers.vector == ExceptionVector.doubleFault { return "DOUBLE FAULT -- system shutdown" }
        return
            "FATAL PAGE FAULT [error_code=\(hex: registers.error, digits: 4)] Faulting linear address: \(hex: address, digits: 16)"
    case ExceptionVector.invalidOpcode:
        return "FATAL TRAP: vector = 6 (invalid opcode): a check failed"
    default:
        return "FATAL TRAP: vector = \(registers.vector) (\(name)) [error_code=\(hex: registers.error, digits: 4)]"
    }
}

private func symbol(_ address: UInt64) -> LogLine {
    SymbolTable().describe(address, imageStart: boot_image_start(), textEnd: boot_text_end())
}

private func dump(_ r: host_frame, to console: inout Console) {
    console.putLine("rax: \(hex: r.rax, digits: 16)   rbx: \(hex: r.rbx, digits: 16)   rcx: \(hex: r.rcx, digits: 16)")
    console.putLine("rdx: \(hex: r.rdx, digits: 16)   rsi: \(hex: r.rsi, digits: 16)   rdi: \(hex: r.rdi, digits: 16)")
    console.putLine("rbp: \(hex: r.rbp, digits: 16)   rsp: \(hex: r.rsp, digits: 16)   r8:  \(hex: r.r8, digits: 16)")
    console.putLine("r9:  \(hex: r.r9, digits: 16)   r10: \(hex: r.r10, digits: 16)   r11: \(hex: r.r11, digits: 16)")
    console.putLine("r12: \(hex: r.r12, digits: 16)   r13: \(hex: r.r13, digits: 16)   r14: \(hex: r.r14, digits: 16)")
    console.putLine("r15: \(hex: r.r15, digits: 16)")
}

/// Follows the frame records up the stack it started on, at most 24 of them.
private func backtrace(from start: UInt64, to console: inout Console) {
    var frame = start
    for _ in 0..<24 {
        guard frame & 7 == 0, frame >= boot_image_start(), frame < UInt64(DirectMap.base) else { return }
        // SAFETY: a frame record on a stack of the hypervisor's; a wild pointer faults, and exceptions.S stops a second fault.
        let record = unsafe UnsafePointer<UInt64>(bitPattern: UInt(frame)).unsafelyUnwrapped
        let next = unsafe record[0]
        let address = unsafe record[1]
        guard address != 0 else { return }
        console.putLine("   \(symbol(address)) F")
        guard next > frame, next - frame < UInt64(X86_SLOT_SIZE) else { return }
        frame = next
    }
}

/// Where a CPU's stack and tables are.
func slot(of cpu: UInt64) -> ProcessorSlot {
    // SAFETY: the image's slot is mapped from the start.
    cpu == 0 ? unsafe ProcessorSlot(mappedAt: UInt(boot_slot())) : ProcessorSlot(cpu: Int(truncatingIfNeeded: cpu))
}
