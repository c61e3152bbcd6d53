// SPDX-License-Identifier: Apache-2.0

import Base
import Drivers
import MMIO
import Machine
import Sync

/// The port that the console speaks through.
enum SerialPort: UART {
    case none
    case pl011(PL011<MappedBus>)
    case ns16550(NS16550<SerialBus>)

    func start() {
        switch self {
        case .none: return
        case .pl011(let port): port.start()
        case .ns16550(let port): port.start()
        }
    }

    func send(_ byte: UInt8) {
        switch self {
        case .none: return
        case .pl011(let port): port.send(byte)
        case .ns16550(let port): port.send(byte)
        }
    }

    func receive() -> UInt8? {
        switch self {
        case .none: nil
        case .pl011(let port): port.receive()
        case .ns16550(let port): port.receive()
        }
    }

    func acknowledge() {
        switch self {
        case .none: return
        case .pl011(let port): port.acknowledge()
        case .ns16550(let port): port.acknowledge()
        }
    }
}

/// The console's state: the port, the ring that `xl dmesg` reads, and input on its way to dom0.
struct Console {
    var port = SerialPort.none
    /// Lines up to this level are printed (`loglvl=`); the lines of `notice` always are.
    var threshold = LogLevel.warning
    var guestThreshold = LogLevel.error
    var ring = InlineArray<16384, UInt8>(repeating: 0)
    /// Bytes ever written to the ring.
    var written: UInt64 = 0
    var input = InlineArray<128, UInt8>(repeating: 0)
    var inputHead = 0
    var inputTail = 0

    /// One byte to the port and the ring. A line feed goes out as CR LF.
    mutating func put(_ byte: UInt8) {
        if byte == UInt8(ascii: "\n") { port.send(UInt8(ascii: "\r")) }
        port.send(byte)
        remember(byte)
    }

    mutating func remember(_ byte: UInt8) {
        ring[Int(written % UInt64(ring.count))] = byte
        written += 1
    }

    mutating func put(_ line: LogLine) {
        for index in 0..<line.count { put(line.bytes[index]) }
    }

    mutating func putLine(_ line: LogLine) {
        put("(XEN) " as LogLine)
        put(line)
        put(UInt8(ascii: "\n"))
    }

    /// Sends what was logged before there was a port.
    mutating func replay() {
        let count = min(written, UInt64(ring.count))
        for index in (written - count)..<written {
            let byte = ring[Int(index % UInt64(ring.count))]
            if byte == UInt8(ascii: "\n") { port.send(UInt8(ascii: "\r")) }
            port.send(byte)
        }
    }

    /// Moves received bytes to the input queue. True where there is something to read.
    mutating func drainPort() -> Bool {
        // First, not last: a byte that comes after the port was seen empty must raise its interrupt again.
        port.acknowledge()
        while let byte = port.receive() {
            let next = (inputTail + 1) % input.count
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
        inputHead = (inputHead + 1) % input.count
        return byte
    }
}

/// The console as portable code sees it.
struct ConsoleLog: LogSink {
    func log(_ level: LogLevel, _ line: LogLine) {
        root.console.withLock { if level <= $0.threshold { $0.putLine(line) } }
    }

    /// A line that is always printed: the banner, what boot found.
    func notice(_ line: LogLine) { root.console.withLock { $0.putLine(line) } }
}

extension SpinLock where Value == Console {
    /// A guest's bytes, as they are.
    func writeGuest(_ bytes: borrowing Span<UInt8>) {
        for index in bytes.indices {
            let byte = bytes[index]
            withLock { $0.put(byte) }
        }
    }
}

let log = ConsoleLog()
