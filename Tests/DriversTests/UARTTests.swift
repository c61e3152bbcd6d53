// SPDX-License-Identifier: Apache-2.0

import MMIO
import Testing

@testable import Drivers

/// A serial port as its manual describes it: what of a byte arrives on the line depends on how the port was set up.
private class PortModel: @unchecked Sendable {
    var registers: [UInt64: UInt32] = [:]
    /// Bytes that went out on the line, and that came in on it.
    var line: [UInt8] = []
    var arrived: [UInt8] = []
    /// The transmitter takes nothing more.
    var isStuck = false
    /// Accesses until now.
    var accesses = 0

    func value(_ register: UInt64) -> UInt32 { registers[register] ?? 0 }
    func has(_ register: UInt64, _ bits: UInt32) -> Bool { value(register) & bits == bits }
    func transmit(_ byte: UInt32, if isOn: Bool) { if isOn, !isStuck { line.append(UInt8(truncatingIfNeeded: byte)) } }
    func take() -> UInt32 { arrived.isEmpty ? 0 : UInt32(arrived.removeFirst()) }

    func read(_ register: UInt64, width: Int) -> UInt32 { value(register) }
    func write(_ register: UInt64, _ value: UInt32, width: Int) { registers[register] = value }
    /// Whether input raises the port's interrupt line now.
    var interrupts: Bool { false }
}

private struct ModelBus: Bus {
    let model: PortModel
    private func read(_ offset: UInt64, _ width: Int) -> UInt32 {
        model.accesses += 1
        return model.read(offset, width: width)
    }
    private func write(_ offset: UInt64, _ value: UInt32, _ width: Int) {
        model.accesses += 1
        model.write(offset, value, width: width)
    }
    func read8(_ offset: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: read(offset, 1)) }
    func read16(_ offset: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: read(offset, 2)) }
    func read32(_ offset: UInt64) -> UInt32 { read(offset, 4) }
    func read64(_ offset: UInt64) -> UInt64 { fatalError("no register has 64 bits") }
    func write8(_ offset: UInt64, _ value: UInt8) { write(offset, UInt32(value), 1) }
    func write16(_ offset: UInt64, _ value: UInt16) { write(offset, UInt32(value), 2) }
    func write32(_ offset: UInt64, _ value: UInt32) { write(offset, value, 4) }
    func write64(_ offset: UInt64, _ value: UInt64) { fatalError("no register has 64 bits") }
}

// MARK: The models

private final class CadenceModel: PortModel {
    override func read(_ register: UInt64, width: Int) -> UInt32 {
        switch register {
        case 0x2c: (arrived.isEmpty ? 2 : 1) | (isStuck ? 1 << 4 : 1 << 3)
        case 0x30: take()
        default: value(register)
        }
    }
    override func write(_ register: UInt64, _ value: UInt32, width: Int) {
        switch register {
        case 0x30: transmit(value, if: has(0x00, 0x10) && has(0x04, 0x20))
        case 0x08: registers[0x10] = self.value(0x10) | value
        case 0x0c: registers[0x10] = self.value(0x10) & ~value
        default: registers[register] = value
        }
    }
    override var interrupts: Bool { has(0x10, 1) && value(0x20) == 1 && !arrived.isEmpty && has(0x00, 0x04) }
}

private final class LPUARTModel: PortModel {
    override init() {
        super.init()
        // As a boot loader leaves it: 9 bits, DMA on.
        registers = [0x18: 1 << 4, 0x10: 1 << 23 | 1 << 21, 0x24: 3]
    }
    private var isOn: Bool { value(0x18) & 1 << 4 == 0 && value(0x10) & (1 << 23 | 1 << 21) == 0 }
    override func read(_ register: UInt64, width: Int) -> UInt32 {
        switch register {
        case 0x14: (isStuck ? 0 : 3 << 22) | (arrived.isEmpty ? 0 : 1 << 21)
        case 0x1c: take()
        default: value(register)
        }
    }
    override func write(_ register: UInt64, _ value: UInt32, width: Int) {
        register == 0x1c ? transmit(value, if: has(0x18, 1 << 19) && isOn) : super.write(register, value, width: width)
    }
    override var interrupts: Bool { has(0x18, 1 << 21 | 1 << 18) && isOn && !arrived.isEmpty }
}

private final class MesonModel: PortModel {
    override init() {
        super.init()
        registers = [0x08: 1 << 12 | 1 << 13]  // transmitter and receiver on, as the firmware left them
    }
    private var isReset: Bool { value(0x08) & 7 << 22 != 0 }
    override func read(_ register: UInt64, width: Int) -> UInt32 {
        switch register {
        case 0x0c: (isStuck ? 1 << 21 : 1 << 22) | (arrived.isEmpty ? 1 << 20 : 0)
        case 0x04: take()
        default: value(register)
        }
    }
    override func write(_ register: UInt64, _ value: UInt32, width: Int) {
        register == 0 ? transmit(value, if: has(0x08, 1 << 12) && !isReset) : super.write(register, value, width: width)
    }
    override var interrupts: Bool { has(0x08, 1 << 27 | 1 << 13) && !isReset && value(0x10) & 0xff == 1 && !arrived.isEmpty }
}

private final class ExynosModel: PortModel {
    override func read(_ register: UInt64, width: Int) -> UInt32 {
        switch register {
        case 0x18: (isStuck ? 1 << 24 : 0) | (arrived.count >= 256 ? 1 << 8 : UInt32(arrived.count))
        case 0x24: take()
        case 0x08: value(8) & ~6
        default: value(register)
        }
    }
    override func write(_ register: UInt64, _ value: UInt32, width: Int) {
        switch register {
        case 0x20: transmit(value, if: self.value(0x04) >> 2 & 3 == 1 && self.value(0) == 3)
        case 0x30: registers[0x30] = self.value(0x30) & ~value
        default: registers[register] = value
        }
    }
    override var interrupts: Bool { value(0x04) & 3 == 1 && value(0x38) & 1 == 0 && !arrived.isEmpty }
}

private final class SCIFModel: PortModel {
    let (output, input, status): (UInt64, UInt64, UInt64)
    private var flags: UInt32 = 1 << 6 | 1 << 5
    init(output: UInt64, input: UInt64, status: UInt64) {
        (self.output, self.input, self.status) = (output, input, status)
    }
    override func read(_ register: UInt64, width: Int) -> UInt32 {
        precondition(width == (register == input || register == output ? 1 : 2), "access of \(width) bytes at \(register)")
        switch register {
        case status:
            if !isStuck { flags |= 1 << 6 | 1 << 5 }
            if !arrived.isEmpty { flags |= 2 }
            return flags
        case input: return take()
        default: return value(register)
        }
    }
    override func write(_ register: UInt64, _ value: UInt32, width: Int) {
        precondition(width == (register == input || register == output ? 1 : 2), "access of \(width) bytes at \(register)")
        switch register {
        case output: transmit(value, if: has(0x08, 1 << 5) && self.value(0x18) & 6 == 0)
        // Only zeros have an effect.
        case status: flags &= value
        default: registers[register] = value
        }
    }
    override var interrupts: Bool { has(0x08, 1 << 6 | 1 << 4) && !arrived.isEmpty }
}

private final class LINFlexModel: PortModel {
    private var flags: UInt32 = 0
    override func read(_ register: UInt64, width: Int) -> UInt32 {
        switch register {
        case 0x08: has(0x00, 1) ? 1 << 12 : 0
        case 0x14: flags | (arrived.isEmpty ? 0 : 1 << 2)
        case 0x3c: arrived.first.map { UInt32($0) } ?? 0
        default: value(register)
        }
    }
    override func write(_ register: UInt64, _ value: UInt32, width: Int) {
        switch register {
        case 0x38:
            precondition(width == 1)
            guard flags & 2 == 0 else { return }  // the last byte was not acknowledged: this one is lost
            transmit(value, if: has(0x10, 1 << 4 | 1) && !has(0x00, 1))
            if !isStuck { flags |= 2 }
        // Writing ones clears; the byte is gone with its flag.
        case 0x14:
            flags &= ~value
            if value & 4 != 0, !arrived.isEmpty { arrived.removeFirst() }
        // The other bits can be written once this is a UART.
        case 0x10: registers[0x10] = has(0x10, 1) ? value : value & 1
        default: registers[register] = value
        }
    }
    override var interrupts: Bool { has(0x04, 1 << 2) && has(0x10, 1 << 5 | 1) && !has(0x00, 1) && !arrived.isEmpty }
}

private final class ArmadaModel: PortModel {
    override func read(_ register: UInt64, width: Int) -> UInt32 {
        switch register {
        case 0x0c: (isStuck ? 1 << 11 : 1 << 13) | (arrived.isEmpty ? 0 : 1 << 4)
        case 0x00: take()
        default: value(register)
        }
    }
    override func write(_ register: UInt64, _ value: UInt32, width: Int) {
        register == 4 ? transmit(value, if: self.value(8) & 3 << 14 == 0) : super.write(register, value, width: width)
    }
    override var interrupts: Bool { has(0x08, 1 << 4) && !arrived.isEmpty }
}

private func model(_ kind: UARTKind) -> PortModel {
    switch kind {
    case .cadence: CadenceModel()
    case .lpuart: LPUARTModel()
    case .meson: MesonModel()
    case .exynos4210: ExynosModel()
    case .scif: SCIFModel(output: 0x0c, input: 0x14, status: 0x10)
    case .scifa: SCIFModel(output: 0x20, input: 0x24, status: 0x14)
    case .linflex: LINFlexModel()
    case .armada3700: ArmadaModel()
    }
}

/// What every serial port does, whatever its registers.
@Suite struct UARTLaws {
    @Test(arguments: UARTKind.allCases) func sendsAndReceives(kind: UARTKind) {
        let model = model(kind)
        let port = RegisterUART(ModelBus(model: model), kind)
        port.start()
        let text = Array("(XEN) Xen version 4.17\r\n".utf8)
        for byte in text { port.send(byte) }
        #expect(model.line == text)
        #expect(port.receive() == nil)
        for count in [1, 3, 256] {
            let input = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
            model.arrived = input
            #expect(model.interrupts)
            port.acknowledge()
            var received: [UInt8] = []
            while let byte = port.receive() { received.append(byte) }
            #expect(received == input)
            #expect(!model.interrupts)
        }
        port.send(0x41)
        #expect(model.line.last == 0x41)
    }

    /// A port that takes nothing loses the byte; it does not hang the hypervisor.
    @Test(arguments: UARTKind.allCases) func deadPorts(kind: UARTKind) {
        let model = model(kind)
        model.isStuck = true
        let port = RegisterUART(ModelBus(model: model), kind)
        port.start()
        port.send(0x41)
        #expect(model.line == [] && model.accesses < 4_000_000)
    }
}

@Suite struct NS16550Tests {
    /// Registers far apart and a word wide (`reg-shift`, `reg-io-width` of a device tree).
    @Test(arguments: [(1, false), (4, false), (4, true), (2, false)] as [(UInt64, Bool)])
    func registersAreWhereTheyAreSaidToBe(stride: UInt64, isWide: Bool) {
        final class Model: PortModel {
            let (stride, width): (UInt64, Int)
            init(stride: UInt64, width: Int) { (self.stride, self.width) = (stride, width) }
            override func read(_ register: UInt64, width: Int) -> UInt32 {
                precondition(width == self.width && register % stride == 0)
                switch register / stride {
                case 0: return take()
                case 5: return 0x60 | (arrived.isEmpty ? 0 : 1)
                default: return value(register / stride)
                }
            }
            override func write(_ register: UInt64, _ value: UInt32, width: Int) {
                precondition(width == self.width && register % stride == 0)
                if register == 0, !has(3, 0x80) { line.append(UInt8(value)) } else { registers[register / stride] = value }
            }
        }
        let model = Model(stride: stride, width: isWide ? 4 : 1)
        let port = NS16550(ModelBus(model: model), stride: stride, isWide: isWide, divisor: 1)
        port.start()
        port.send(0x58)
        model.arrived = [1, 2]
        #expect(model.line == [0x58] && model.has(1, 1))
        #expect(port.receive() == 1 && port.receive() == 2 && port.receive() == nil)
    }
}

/// Configuration space of a few functions.
private final class CardBus: SerialCardBus {
    var functions: [UInt16: [UInt8: UInt32]] = [:]
    var reads = 0

    func read32(_ function: UInt16, _ offset: UInt8) -> UInt32 {
        reads += 1
        return functions[function].map { $0[offset] ?? 0 } ?? .max
    }
    func write32(_ function: UInt16, _ offset: UInt8, _ value: UInt32) { functions[function]?[offset] = value }

    func add(_ function: UInt16, vendor: UInt32 = 0x1b36, device: UInt32 = 2, kind: UInt32 = 0x0700_0200, base: UInt32, header: UInt32 = 0) {
        functions[function] = [0: device << 16 | vendor, 8: kind, 0x0c: header << 16, 0x10: base]
    }
}

@Suite struct SerialCardTests {
    private let bus = CardBus()

    private func port(_ number: Int = 0, withAMT: Bool = false) -> UInt16? {
        SerialCard(in: bus, number: number, withAMT: withAMT)?.port
    }

    @Test func findsPortsInTheirOrder() {
        bus.add(0, device: 0x29c0, kind: 0x0600_0000, base: 0)
        bus.add(3 << 3, base: 0xe001)
        bus.add(5 << 8 | 2 << 3, base: 0xc041, header: 0x80)
        bus.add(5 << 8 | 2 << 3 | 6, base: 0xc081)
        #expect(port(0) == 0xe000 && port(1) == 0xc040 && port(2) == 0xc080 && port(3) == nil)
        // It answers at its ports from now on.
        #expect(bus.functions[3 << 3]?[4] == 1)
        // One look at each device that is not there.
        bus.reads = 0
        _ = port(9)
        #expect(bus.reads < 8192 + 200)
    }

    @Test func passesByWhatIsNone() {
        bus.add(1 << 3, kind: 0x0780_0000, base: 0xe001)  // another communication controller
        bus.add(2 << 3, base: 0xfe00_0000)  // registers in memory
        bus.add(3 << 3, base: 1)  // the firmware gave it no ports
        bus.add(4 << 3, base: 0xe001, header: 1)  // a bridge
        bus.add(6 << 3, base: 0x1_e001)  // ports that a PC has not
        bus.add(7 << 3, base: 0xe001)
        bus.add(7 << 3 | 1, base: 0xe009)  // the first says that there is no second
        #expect(port(0) == 0xe000 && port(1) == nil)
    }

    /// Serial over LAN of a management engine.
    @Test func managementEngines() {
        bus.add(0x16 << 3, vendor: 0x8086, kind: 0x0780_0000, base: 4, header: 0x80)
        bus.add(0x16 << 3 | 3, vendor: 0x8086, device: 0x8d3d, base: 0xf0a1)
        #expect(port() == nil && port(withAMT: true) == 0xf0a0)
    }
}
