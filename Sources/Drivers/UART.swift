// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// A serial port that is polled for output and interrupts for input.
public protocol UART: Sendable {
    /// Puts the port into 8n1 operation with its receive interrupt on. The line speed is as the firmware left it.
    func start()
    /// Sends one byte, waiting a bounded time for room; a port that stays full loses it.
    func send(_ byte: UInt8)
    /// The next byte received, or nil.
    func receive() -> UInt8?
    /// Quiets the receive interrupt after `receive` has said nil.
    func acknowledge()
}

/// How often a full port is asked before the byte is dropped: a dead port must not hang the hypervisor.
let sendAttempts = 1_000_000

/// ARM PL011 (ARM DDI 0183).
public struct PL011<Registers: Bus>: UART {
    let registers: Registers
    public init(_ registers: Registers) { self.registers = registers }

    private enum Offset {
        static var data: UInt64 { 0x00 }
        static var flags: UInt64 { 0x18 }
        static var lineControl: UInt64 { 0x2c }
        static var control: UInt64 { 0x30 }
        static var interruptMask: UInt64 { 0x38 }
        static var interruptClear: UInt64 { 0x44 }
    }

    public func start() {
        registers.write32(Offset.lineControl, 3 << 5 | 1 << 4)  // 8 bits, FIFO
        registers.write32(Offset.control, 1 << 9 | 1 << 8 | 1)  // receive, transmit, enable
        registers.write32(Offset.interruptClear, 0x7ff)
        registers.write32(Offset.interruptMask, 1 << 4 | 1 << 6)  // receive, receive timeout
    }

    public func send(_ byte: UInt8) {
        var attempts = sendAttempts
        while registers.read32(Offset.flags) & 1 << 5 != 0, attempts > 0 { attempts -= 1 }
        registers.write32(Offset.data, UInt32(byte))
    }

    public func receive() -> UInt8? {
        guard registers.read32(Offset.flags) & 1 << 4 == 0 else { return nil }
        return UInt8(truncatingIfNeeded: registers.read32(Offset.data))
    }

    public func acknowledge() { registers.write32(Offset.interruptClear, 1 << 4 | 1 << 6) }
}

/// National Semiconductor 16550 (PC16550D), registers `stride` bytes apart, each a byte or, where `isWide`, a word of 32 bits.
public struct NS16550<Registers: Bus>: UART {
    let registers: Registers
    let stride: UInt64
    let isWide: Bool
    /// Line control register: data bits, parity, stop bits.
    let lineControl: UInt8
    /// Divisor of the baud rate; nil: as the firmware left it.
    let divisor: UInt16?
    public init(
        _ registers: Registers, stride: UInt64, isWide: Bool = false, lineControl: UInt8 = 0x03, divisor: UInt16? = nil
    ) {
        self.registers = registers
        self.stride = stride
        self.isWide = isWide
        self.lineControl = lineControl
        self.divisor = divisor
    }

    /// Whether anything answers: a bus without a device reads as all ones.
    public var exists: Bool { read(5) != 0xff }

    private func read(_ index: UInt64) -> UInt8 {
        isWide ? UInt8(truncatingIfNeeded: registers.read32(index * stride)) : registers.read8(index * stride)
    }
    private func write(_ index: UInt64, _ value: UInt8) {
        if isWide { registers.write32(index * stride, UInt32(value)) } else { registers.write8(index * stride, value) }
    }

    public func start() {
        if let divisor {
            write(3, lineControl | 0x80)  // divisor latch on
            write(0, UInt8(truncatingIfNeeded: divisor))
            write(1, UInt8(truncatingIfNeeded: divisor >> 8))
        }
        write(3, lineControl)
        write(2, 0x07)  // FIFO on and empty
        write(4, 0x0b)  // DTR, RTS, OUT2
        write(1, 0x01)  // receive interrupt
    }

    public func send(_ byte: UInt8) {
        var attempts = sendAttempts
        while read(5) & 0x20 == 0, attempts > 0 { attempts -= 1 }
        write(0, byte)
    }

    public func receive() -> UInt8? { read(5) & 1 != 0 ? read(0) : nil }

    public func acknowledge() { _ = read(2) }
}
