// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// A serial port that is wholly described by its record: which registers carry bytes, which bits say that it is ready, and what
/// has to be done at the start and around each byte.
public struct RegisterUART<Registers: Bus>: UART {
    let registers: Registers
    let layout: UARTLayout

    public init(_ registers: Registers, _ kind: UARTKind) {
        self.registers = registers
        layout = UARTLayout(kind)
    }

    public func start() {
        let steps = UARTSteps.start(of: layout.kind)
        for index in 0..<steps.count { run(steps[index]) }
    }

    public func send(_ byte: UInt8) {
        var attempts = sendAttempts
        while !layout.canSend.holds(status), attempts > 0 { attempts -= 1 }
        if layout.hasByteData {
            registers.write8(UInt64(layout.output), byte)
        } else {
            registers.write32(UInt64(layout.output), UInt32(byte))
        }
        run(layout.afterSend.first)
        run(layout.afterSend.second)
    }

    public func receive() -> UInt8? {
        guard layout.hasInput.holds(status) else { return nil }
        let byte =
            layout.hasByteData
            ? registers.read8(UInt64(layout.input)) : UInt8(truncatingIfNeeded: registers.read32(UInt64(layout.input)))
        run(layout.afterReceive)
        return byte
    }

    public func acknowledge() { run(layout.acknowledge) }

    private var status: UInt32 { read(layout.status) }

    private func run(_ step: UARTStep?) {
        guard let step else { return }
        switch step.action {
        case .write: write(step.register, step.value)
        case .set: write(step.register, read(step.register) | step.value)
        case .clear: write(step.register, read(step.register) & ~step.value)
        case .waitSet: wait(step) { $0 & step.value == step.value }
        case .waitClear: wait(step) { $0 & step.value == 0 }
        }
    }

    /// A bounded time: a dead port must not hang the hypervisor.
    private func wait(_ step: UARTStep, _ isDone: (UInt32) -> Bool) {
        var attempts = sendAttempts
        while !isDone(read(step.register)), attempts > 0 { attempts -= 1 }
    }

    private func read(_ register: UInt16) -> UInt32 {
        layout.hasHalfWords ? UInt32(registers.read16(UInt64(register))) : registers.read32(UInt64(register))
    }

    private func write(_ register: UInt16, _ value: UInt32) {
        if layout.hasHalfWords {
            registers.write16(UInt64(register), UInt16(truncatingIfNeeded: value))
        } else {
            registers.write32(UInt64(register), value)
        }
    }
}
