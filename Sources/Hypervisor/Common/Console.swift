// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Drivers
import Firmware
import MMIO
import Machine
import Sync

/// The port that the console speaks through.
enum SerialPort: UART {
    case none
    case pl011(PL011<MappedBus>)
    case ns16550(NS16550<SerialBus>)
    case other(RegisterUART<MappedBus>)

    func start() {
        switch self {
        case .none: return
        case .pl011(let port): port.start()
        case .ns16550(let port): port.start()
        case .other(let port): port.start()
        }
    }

    func send(_ byte: UInt8) {
        switch self {
        case .none: return
        case .pl011(let port): port.send(byte)
        case .ns16550(let port): port.send(byte)
        case .other(let port): port.send(byte)
        }
    }

    func receive() -> UInt8? {
        switch self {
        case .none: nil
        case .pl011(let port): port.receive()
        case .ns16550(let port): port.receive()
        case .other(let port): port.receive()
        }
    }

    func acknowledge() {
        switch self {
        case .none: return
        case .pl011(let port): port.acknowledge()
        case .ns16550(let port): port.acknowledge()
        case .other(let port): port.acknowledge()
        }
    }
}

/// The console's state: the port, the ring that `xl dmesg` reads, and input on its way to dom0. Not copyable: each byte
/// that is sent would copy the ring.
struct Console: ~Copyable {
    var port = SerialPort.none
    /// x86: the screen, until dom0 has it.
    var screen: VGAText<MappedBus>?
    /// Who shares the port.
    var share = ConsoleList.Share.none
    /// What the command line says of it. The lines of `notice` are always printed.
    var options = HypervisorOptions()
    var ring = FixedTable<UInt8, 16384>(repeating: 0)
    /// Bytes ever written to the ring.
    var written: UInt64 = 0
    var input = FixedTable<UInt8, 128>(repeating: 0)
    var inputHead = 0
    var inputTail = 0

    /// One byte to the port and the ring.
    mutating func put(_ byte: UInt8) {
        send(byte)
        remember(byte)
    }

    /// One byte to the port and the screen. A line feed goes out as CR LF. Who shares the port knows our bytes by their highest bit.
    mutating func send(_ byte: UInt8) {
        sendToPort(byte)
        screen?.put(byte)
    }

    private func sendToPort(_ byte: UInt8) {
        if byte == UInt8(ascii: "\n") { sendToPort(UInt8(ascii: "\r")) }
        switch share {
        case .none: port.send(byte)
        case .high: port.send(byte | 0x80)
        case .low: port.send(byte & 0x7f)
        }
    }

    mutating func remember(_ byte: UInt8) {
        ring[Int(written % UInt64(ring.indices.count))] = byte
        written += 1
    }

    mutating func put(_ line: LogLine) {
        for index in 0..<line.count { put(line.bytes[index]) }
    }

    mutating func putLine(_ line: LogLine) {
        begin("(XEN) ")
        put(line)
        put(UInt8(ascii: "\n"))
    }

    /// The start of a line: whose it is, and when.
    mutating func begin(_ owner: LogLine) {
        put(owner)
        putTimestamp()
    }

    /// Xen: printk_start_of_line. There is no wallclock for the hypervisor's own lines: as in Xen without one, dates are times since
    /// boot, and those are ticks of the counter before there is a clock.
    private mutating func putTimestamp() {
        guard options.timestamps != .none else { return }
        if options.timestamps != .raw, let now = uptime() {
            let seconds = now.nanoseconds / 1_000_000_000
            let microseconds = now.nanoseconds / 1000 % 1_000_000
            let (space, zero) = (UInt8(ascii: " "), UInt8(ascii: "0"))
            put("[\(seconds, width: 5, fill: space).\(microseconds, width: 6, fill: zero)] " as LogLine)
        } else {
            put("[\(hex: counterTicks(), digits: 16)] " as LogLine)
        }
    }

    /// Sends what was logged before there was a port.
    mutating func replay() {
        for index in kept { sendToPort(ring[Int(index % UInt64(ring.indices.count))]) }
    }

    /// Shows what was logged before there was a screen, and all from here on.
    mutating func show(on screen: consuming VGAText<MappedBus>) {
        for index in kept { screen.put(ring[Int(index % UInt64(ring.indices.count))]) }
        self.screen = screen
    }

    /// The bytes that the ring still has, by their number.
    private var kept: Range<UInt64> { written - min(written, UInt64(ring.indices.count))..<written }

    /// Moves received bytes to the input queue. True where there is something to read.
    mutating func drainPort() -> Bool {
        // First, not last: a byte that comes after the port was seen empty must raise its interrupt again.
        port.acknowledge()
        while var byte = port.receive() {
            if share != .none {
                guard byte >> 7 == (share == .high ? 1 : 0) else { continue }
                byte &= 0x7f
            }
            let next = (inputTail + 1) % input.indices.count
            if next != inputHead {
                input[inputTail] = byte
                inputTail = next
            }
        }
        return inputHead != inputTail
    }

    mutating func takeInput() -> UInt8? {
        guard inputHead != inputTail else { return nil }
        let byte = input[inputHead]
        inputHead = (inputHead + 1) % input.indices.count
        return byte
    }
}

/// The console as portable code sees it.
struct ConsoleLog: LogSink {
    func log(_ level: LogLevel, _ line: LogLine) {
        root.console.withLock { if level.rawValue < $0.options.logLevels { $0.putLine(line) } }
    }

    /// A line that is always printed: the banner, what boot found.
    func notice(_ line: LogLine) { root.console.withLock { $0.putLine(line) } }
}

extension SpinLock where Value == Console {
    /// A guest's bytes, as they are. They are in `xl dmesg` only where `console_to_ring` asks for that.
    func writeGuest(_ bytes: borrowing Span<UInt8>) {
        for index in bytes.indices {
            let byte = bytes[index]
            withLock { $0.options.keepsGuestOutput ? $0.put(byte) : $0.send(byte) }
        }
    }
}

let log = ConsoleLog()
