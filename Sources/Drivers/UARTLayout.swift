// SPDX-License-Identifier: Apache-2.0

/// Serial ports that `RegisterUART` knows.
public enum UARTKind: UInt8, CaseIterable, Sendable {
    /// Cadence (Xilinx UG585, appendix B.33).
    case cadence
    /// NXP LPUART, 32-bit variant (i.MX 8 reference manuals).
    case lpuart
    /// Amlogic Meson.
    case meson
    /// Samsung Exynos 4210 and later (Exynos 5250 user's manual, chapter 29).
    case exynos4210
    /// Renesas SCIF and HSCIF, and SCIFA, whose registers lie elsewhere (R-Car user's manuals).
    case scif, scifa
    /// NXP LINFlexD in UART mode, with buffers of one byte (S32G2 reference manual).
    case linflex
    /// Marvell Armada 3700.
    case armada3700
}

/// One access to a serial port's register.
struct UARTStep: Sendable {
    enum Action: UInt8 { case write, set, clear, waitSet, waitClear }
    let action: Action
    let register: UInt16
    let value: UInt32

    init(_ action: Action, _ register: UInt16, _ value: UInt32) {
        self.action = action
        self.register = register
        self.value = value
    }
}

/// When a status register says that something may be done.
enum UARTCondition: Sendable {
    case always
    case anySet(UInt32)
    case allClear(UInt32)

    func holds(_ status: UInt32) -> Bool {
        switch self {
        case .always: true
        case .anySet(let bits): status & bits != 0
        case .allClear(let bits): status & bits == 0
        }
    }
}

/// A serial port's programming model. Offsets are in bytes.
struct UARTLayout: Sendable {
    let kind: UARTKind
    let output: UInt16
    let input: UInt16
    let status: UInt16
    let canSend: UARTCondition
    let hasInput: UARTCondition
    /// The data registers are a byte wide; else a word.
    var hasByteData = false
    /// The others are 16 bits wide; else 32.
    var hasHalfWords = false
    var afterSend: (first: UARTStep?, second: UARTStep?) = (nil, nil)
    var afterReceive: UARTStep?
    var acknowledge: UARTStep?

    private init(
        _ kind: UARTKind, output: UInt16, input: UInt16, status: UInt16, canSend: UARTCondition, hasInput: UARTCondition
    ) {
        self.kind = kind
        self.output = output
        self.input = input
        self.status = status
        self.canSend = canSend
        self.hasInput = hasInput
    }

    init(_ kind: UARTKind) {
        switch kind {
        case .cadence:
            self.init(kind, output: 0x30, input: 0x30, status: 0x2c, canSend: .allClear(1 << 4), hasInput: .allClear(1 << 1))
            acknowledge = UARTStep(.write, 0x14, 1)
        case .lpuart:
            self.init(kind, output: 0x1c, input: 0x1c, status: 0x14, canSend: .anySet(1 << 23), hasInput: .anySet(1 << 21))
            // Overrun and idle are cleared by writing ones.
            acknowledge = UARTStep(.set, 0x14, 1 << 20 | 1 << 19)
        case .meson:
            self.init(
                kind, output: 0x00, input: 0x04, status: 0x0c, canSend: .allClear(1 << 21), hasInput: .allClear(1 << 20))
        case .exynos4210:
            // Bits 0-7: bytes in the receive FIFO, which a full one counts as none.
            self.init(kind, output: 0x20, input: 0x24, status: 0x18, canSend: .allClear(1 << 24), hasInput: .anySet(0x1ff))
            acknowledge = UARTStep(.write, 0x30, 0x3)
        case .scif: self.init(scif: kind, output: 0x0c, input: 0x14, status: 0x10)
        case .scifa: self.init(scif: kind, output: 0x20, input: 0x24, status: 0x14)
        case .linflex:
            self.init(kind, output: 0x38, input: 0x3c, status: 0x14, canSend: .always, hasInput: .anySet(1 << 2))
            hasByteData = true
            afterSend = (UARTStep(.waitSet, 0x14, 1 << 1), UARTStep(.set, 0x14, 1 << 1))
            afterReceive = UARTStep(.set, 0x14, 1 << 2)
        case .armada3700:
            self.init(kind, output: 0x04, input: 0x00, status: 0x0c, canSend: .allClear(1 << 11), hasInput: .anySet(1 << 4))
        }
    }

    /// Status: transmission ended, transmit FIFO empty enough, receive FIFO full enough, data ready in bits 6, 5, 1 and 0, which
    /// are cleared by writing zeros.
    private init(scif kind: UARTKind, output: UInt16, input: UInt16, status: UInt16) {
        self.init(kind, output: output, input: input, status: status, canSend: .anySet(1 << 5), hasInput: .anySet(0x3))
        hasByteData = true
        hasHalfWords = true
        afterSend = (UARTStep(.clear, status, 1 << 6 | 1 << 5), nil)
        afterReceive = UARTStep(.clear, status, 0x3)
    }
}

/// At most 12 accesses in their order.
struct UARTSteps: Sendable {
    private var steps = InlineArray<12, UARTStep>(repeating: UARTStep(.write, 0, 0))
    private(set) var count = 0

    subscript(index: Int) -> UARTStep { steps[index] }

    private func then(_ action: UARTStep.Action, _ register: UInt16, _ value: UInt32) -> Self {
        var longer = self
        longer.steps[count] = UARTStep(action, register, value)
        longer.count += 1
        return longer
    }

    /// Brings a port into operation: 8 bits, no parity, interrupts for input. The speed stays as the firmware left it.
    static func start(of kind: UARTKind) -> Self {
        switch kind {
        case .cadence:
            // No parity; both paths reset and on; an interrupt for each byte.
            Self().then(.write, 0x04, 0x20).then(.write, 0x00, 0x17).then(.write, 0x20, 1).then(.write, 0x14, .max)
                .then(.write, 0x0c, .max).then(.write, 0x08, 1)
        case .lpuart:
            // What is being sent ends first; no DMA, no modem lines; 8 bits; receiver, transmitter and their interrupts.
            Self().then(.waitSet, 0x14, 1 << 22).then(.clear, 0x18, 1 << 19 | 1 << 18 | 1 << 4).then(.write, 0x24, 0)
                .then(.clear, 0x10, 1 << 23 | 1 << 21).then(.set, 0x18, 1 << 19 | 1 << 18 | 1 << 21 | 1 << 20)
        case .meson:
            // Reset pulse; an interrupt for each byte.
            Self().then(.set, 0x08, 0x7 << 22).then(.clear, 0x08, 0x7 << 22).then(.clear, 0x08, 0x3 << 27)
                .then(.write, 0x10, 1 | 32 << 8).then(.set, 0x08, 1 << 27)
        case .exynos4210:
            // 8 bits; FIFOs reset and on; receive interrupts with a timeout.
            Self().then(.write, 0x04, 0).then(.write, 0x0c, 0).then(.write, 0x00, 0x3).then(.write, 0x38, 0xf)
                .then(.write, 0x30, 0xf).then(.write, 0x08, 0x6).then(.waitClear, 0x08, 0x6).then(.write, 0x08, 0x6 << 8 | 1)
                .then(.write, 0x04, 1 | 1 << 2 | 1 << 7).then(.write, 0x38, 0xc).then(.write, 0x30, 0xf).then(
                    .set, 0x0c, 1 << 3)
        case .scif: start(status: 0x10, overrun: 0x24)
        case .scifa: start(status: 0x14, overrun: 0x14)
        case .linflex:
            // Initialisation mode; 8 bits without parity, UART mode; out of it again; receive interrupt.
            Self().then(.clear, 0x10, 1 << 5 | 1 << 4).then(.write, 0x00, 1).then(.waitSet, 0x08, 1 << 12)
                .then(.write, 0x00, 1 << 4 | 1).then(.write, 0x50, 0xf).then(.write, 0x10, 1)
                .then(.write, 0x10, 1 << 6 | 1 << 3 | 1 << 1 | 1).then(.clear, 0x00, 1).then(.set, 0x10, 1 << 5 | 1 << 4)
                .then(.set, 0x04, 1 << 2)
        case .armada3700:
            // FIFOs reset, errors cleared; receive interrupt.
            Self().then(.set, 0x08, 0x3 << 14).then(.set, 0x0c, 0xf).then(.write, 0x08, 0xf).then(.set, 0x08, 1 << 4)
        }
    }

    private static func start(status: UInt16, overrun: UInt16) -> Self {
        // What is being sent ends first; FIFOs reset, then one byte interrupts; transmitter, receiver, their interrupts.
        Self().then(.waitSet, status, 1 << 6).then(.write, 0x08, 0).then(.write, 0x18, 0x6).then(.write, status, 0)
            .then(.write, overrun, 0).then(.write, 0x18, 0x30).then(.set, 0x08, 0x78)
    }
}
