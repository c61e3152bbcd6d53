// SPDX-License-Identifier: Apache-2.0

// PUSH, POP, and near calls and jumps whose target is an operand.
extension Execution {
    mutating func stack<P: EmulatedProcessor>(_ processor: inout P) throws(EmulationStop) {
        let width = instruction.width
        switch instruction.operation {
        case .push: try push(try read(instruction.source, width: width, &processor), &processor)
        case .call:
            let next = target
            target = try read(instruction.source, width: width, &processor)
            try push(next, &processor)
        case .jump: target = try read(instruction.source, width: width, &processor)
        default:
            let top = processor[4]
            let value = try processor.load(stackAddress(top, processor, write: false), width: width)
            if instruction.destination == .memory { try write(value, to: .memory, width: width, &processor) }
            moveStack(to: top &+ UInt64(width), &processor)
            // After the pointer: POP RSP leaves what was popped.
            if instruction.destination != .memory { try write(value, to: instruction.destination, width: width, &processor) }
        }
    }

    private func push<P: EmulatedProcessor>(_ value: UInt64, _ processor: inout P) throws(EmulationStop) {
        let top = processor[4] &- UInt64(instruction.width)
        try processor.store(value, at: stackAddress(top, processor, write: true), width: instruction.width)
        moveStack(to: top, &processor)
    }

    private func stackAddress(
        _ pointer: UInt64, _ processor: some EmulatedProcessor, write: Bool
    ) throws(EmulationStop) -> UInt64 {
        let offset = Self.truncate(pointer, width: processor.stackWidth)
        return try linear(offset, processor, segment: .ss, width: instruction.width, write: write)
    }

    private func moveStack<P: EmulatedProcessor>(to pointer: UInt64, _ processor: inout P) {
        processor[4] = GeneralRegister(4).merge(pointer, width: processor.stackWidth, into: processor[4])
    }
}
