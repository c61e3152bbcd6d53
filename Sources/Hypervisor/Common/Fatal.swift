// SPDX-License-Identifier: Apache-2.0

import BootCommon
import Machine
import Sync

/// The hypervisor cannot go on: says why, as Xen does, and restarts the machine unless `noreboot` was given.
func panic(cpu: UInt32 = 0, _ line: LogLine) -> Never {
    ConsoleLog().emergency { console in
        console.putLine("")
        console.putLine("****************************************")
        console.putLine("Panic on CPU \(cpu):")
        console.putLine(line)
        console.putLine("****************************************")
        console.putLine("")
    }
    restartAfterPanic()
}

func restartAfterPanic() -> Never {
    let manual = root.noReboot
    ConsoleLog().emergency { console in
        console.putLine(manual ? "Manual reset required ('noreboot' specified)" : "Reboot in five seconds...")
    }
    if manual { haltMachine() }
    waitBeforeRestart()
    restartMachine()
}

@c(xen_stack_smashed) func stackSmashed() -> Never { panic("stack smashing detected") }

extension ConsoleLog {
    /// Prints though somebody else may hold the console: that CPU may be the one that died.
    func emergency(_ body: (inout Console) -> Void) {
        for _ in 0..<1_000_000 {
            if root.console.withLockIfFree({ body(&$0) }) != nil { return }
        }
        // SAFETY: a torn line is better than none; nothing runs after this.
        unsafe root.console.withLockStolen { body(&$0) }
    }
}

// MARK: Names

/// The table of function names (layout: linker/symbols.py).
struct SymbolTable {
    let functions: UInt32

    init() {
        // SAFETY: the linker put the table there.
        functions = unsafe UnsafeRawPointer(boot_symbols()).loadUnaligned(as: UInt32.self)
    }

    private func word(_ index: UInt32) -> UInt32 {
        // SAFETY: the table has 1 + 2 * functions words.
        unsafe UnsafeRawPointer(boot_symbols()).loadUnaligned(fromByteOffset: Int(index) * 4, as: UInt32.self)
    }

    /// Appends ` [<address>] name+0xoffset`, as Xen prints it.
    func describe(_ address: UInt64, imageStart: UInt64, textEnd: UInt64) -> LogLine {
        guard address >= imageStart, address < textEnd, functions > 0 else { return "[<\(hex: address, digits: 16)>]" }
        let target = UInt32(truncatingIfNeeded: address - imageStart)
        var low: UInt32 = 0
        var high = functions
        while high - low > 1 {
            let middle = (low + high) / 2
            if word(1 + middle * 2) <= target { low = middle } else { high = middle }
        }
        var name = LogLine()
        var offset = Int(1 + functions * 2) * 4 + Int(word(2 + low * 2))
        while true {
            // SAFETY: names end with a zero byte.
            let byte = unsafe UnsafeRawPointer(boot_symbols()).load(fromByteOffset: offset, as: UInt8.self)
            guard byte != 0 else { break }
            name.append(byte: byte)
            offset += 1
        }
        return "[<\(hex: address, digits: 16)>] \(name)+0x\(hex: UInt64(target - word(1 + low * 2)))"
    }
}
