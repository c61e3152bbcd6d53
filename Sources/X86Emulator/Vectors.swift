// SPDX-License-Identifier: Apache-2.0

/// What SSE and SSE2 move between memory and a vector register (AMD APM 4). Those that move between registers touch no memory.
struct VectorMove: Equatable {
    /// Which bytes of the register: all, the low 4 or 8, or the high 8.
    enum Part: Equatable { case whole, low4, low8, high8 }
    var part: Part
    /// To memory, or to a general register.
    var isStore: Bool
    /// The operand has to be a multiple of 16.
    var isAligned = false
    /// A load leaves the rest of the register alone; else it becomes 0.
    var keepsRest = false
    /// Register number.
    var register = 0
}

extension VectorMove {
    /// By prefix, which is 0, 0x66, 0xf3 or 0xf2, the byte after 0F, and whether the operand has 8 bytes. Nil for what is none
    /// of these.
    init?(prefix: UInt8, opcode: UInt8, isWide: Bool) {
        switch (opcode, prefix) {
        case (0x6e, 0x66), (0x7e, 0x66): self.init(part: isWide ? .low8 : .low4, isStore: opcode == 0x7e)
        case (0x10, 0), (0x11, 0), (0x10, 0x66), (0x11, 0x66): self.init(part: .whole, isStore: opcode & 1 != 0)
        case (0x10, 0xf3), (0x11, 0xf3): self.init(part: .low4, isStore: opcode & 1 != 0)
        case (0x10, 0xf2), (0x11, 0xf2): self.init(part: .low8, isStore: opcode & 1 != 0)
        case (0x12, 0), (0x12, 0x66), (0x13, 0), (0x13, 0x66):
            self.init(part: .low8, isStore: opcode & 1 != 0, keepsRest: true)
        case (0x16, 0), (0x16, 0x66), (0x17, 0), (0x17, 0x66):
            self.init(part: .high8, isStore: opcode & 1 != 0, keepsRest: true)
        case (0x28, 0), (0x28, 0x66), (0x29, 0), (0x29, 0x66):
            self.init(part: .whole, isStore: opcode & 1 != 0, isAligned: true)
        case (0x2b, 0), (0x2b, 0x66), (0xe7, 0x66): self.init(part: .whole, isStore: true, isAligned: true)
        case (0x6f, 0x66), (0x7f, 0x66): self.init(part: .whole, isStore: opcode == 0x7f, isAligned: true)
        case (0x6f, 0xf3), (0x7f, 0xf3): self.init(part: .whole, isStore: opcode == 0x7f)
        case (0xf0, 0xf2): self.init(part: .whole, isStore: false)
        case (0x7e, 0xf3): self.init(part: .low8, isStore: false)
        case (0xd6, 0x66): self.init(part: .low8, isStore: true)
        default: return nil
        }
    }
}

extension Execution {
    mutating func move<P: EmulatedProcessor>(_ form: VectorMove, _ processor: inout P) throws(EmulationStop) {
        let old = try processor.vector(form.register)
        let bytes = form.part == .whole ? 16 : form.part == .low4 ? 4 : 8
        let address = try linear(operandOffset, processor, width: bytes, write: form.isStore)
        if form.isAligned, address & 15 != 0 { throw .generalProtection }
        guard form.isStore else { return try load(form, address, over: old, &processor) }
        switch form.part {
        case .low4, .low8: try processor.store(Self.truncate(old.low, width: bytes), at: address, width: bytes)
        case .high8: try processor.store(old.high, at: address, width: 8)
        case .whole:
            // Two stores: both or none.
            try processor.probe(address &+ 15)
            try processor.store(old.low, at: address, width: 8)
            try processor.store(old.high, at: address &+ 8, width: 8)
        }
    }

    private func load<P: EmulatedProcessor>(
        _ form: VectorMove, _ address: UInt64, over old: VectorRegister, _ processor: inout P
    ) throws(EmulationStop) {
        var value = form.keepsRest ? old : VectorRegister()
        switch form.part {
        case .whole:
            value.low = try processor.load(address, width: 8)
            value.high = try processor.load(address &+ 8, width: 8)
        case .low4: value.low = try processor.load(address, width: 4)
        case .low8: value.low = try processor.load(address, width: 8)
        case .high8: value.high = try processor.load(address, width: 8)
        }
        try processor.setVector(form.register, value)
    }
}
