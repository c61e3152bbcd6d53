// SPDX-License-Identifier: Apache-2.0

// MOVS, CMPS, STOS, LODS, SCAS, INS and OUTS, one element after the other.
extension Execution {
    mutating func string<P: EmulatedProcessor>(
        _ operation: StringOperation, on processor: inout P, steps: Int
    ) throws(EmulationStop) {
        let counter = GeneralRegister(1)
        let width = instruction.address.width
        guard instruction.repetition != .none else {
            try step(operation, &processor)
            return commit(&processor)
        }
        for _ in 0..<max(1, steps) {
            let left = counter.read(processor[1], width: width)
            guard left != 0 else { return commit(&processor) }
            try step(operation, &processor)
            processor[1] = counter.merge(left &- 1, width: width, into: processor[1])
            processor.flags = flags
            let isZero = flags & Flag.zero != 0
            let compares = operation == .compare || operation == .scan
            if compares, isZero != (instruction.repetition == .whileEqual) { return commit(&processor) }
            if left == 1 { return commit(&processor) }
        }
    }

    /// One element.
    private mutating func step<P: EmulatedProcessor>(
        _ operation: StringOperation, _ processor: inout P
    ) throws(EmulationStop) {
        let width = instruction.width
        if operation == .input || operation == .output {
            try checkPorts(UInt16(truncatingIfNeeded: processor[2]), width: width, &processor)
        }
        let addressWidth = instruction.address.width
        var from: UInt64 = 0
        if operation.reads {
            from = try linear(Self.truncate(processor[6], width: addressWidth), processor, width: width, write: false)
        }
        var to: UInt64 = 0
        if operation.hasTarget {
            to = try linear(
                Self.truncate(processor[7], width: addressWidth), processor, segment: .es, width: width,
                write: operation.writes)
        }
        try perform(operation, from, to, &processor)
        let stride = flags & Flag.direction != 0 ? UInt64(bitPattern: Int64(-width)) : UInt64(width)
        if operation.reads { advance(6, by: stride, &processor) }
        if operation.hasTarget { advance(7, by: stride, &processor) }
    }

    private mutating func perform<P: EmulatedProcessor>(
        _ operation: StringOperation, _ from: UInt64, _ to: UInt64, _ processor: inout P
    ) throws(EmulationStop) {
        let width = instruction.width
        let accumulator = GeneralRegister(0)
        let port = UInt16(truncatingIfNeeded: processor[2])
        switch operation {
        case .move: try processor.store(try processor.load(from, width: width), at: to, width: width)
        case .store: try processor.store(accumulator.read(processor[0], width: width), at: to, width: width)
        case .load:
            let value = try processor.load(from, width: width)
            processor[0] = accumulator.merge(value, width: width, into: processor[0])
        case .compare:
            let a = try processor.load(from, width: width)
            apply(arithmetic.subtract(a, try processor.load(to, width: width)))
        case .scan:
            apply(arithmetic.subtract(accumulator.read(processor[0], width: width), try processor.load(to, width: width)))
        case .input:
            // Before the port is read: that may change something.
            try processor.probe(to)
            try processor.probe(to &+ UInt64(width - 1))
            try processor.store(processor.input(port, width: width), at: to, width: width)
        case .output: processor.output(port, try processor.load(from, width: width), width: width)
        }
    }

    private func advance<P: EmulatedProcessor>(_ register: Int, by stride: UInt64, _ processor: inout P) {
        let width = instruction.address.width
        processor[register] = GeneralRegister(register).merge(
            Self.truncate(processor[register] &+ stride, width: width), width: width, into: processor[register])
    }
}

extension StringOperation {
    /// Has an operand at RSI.
    var reads: Bool {
        switch self {
        case .move, .compare, .load, .output: true
        case .store, .scan, .input: false
        }
    }
    /// Has an operand at RDI.
    var hasTarget: Bool { self != .load && self != .output }
    /// Changes that.
    var writes: Bool {
        switch self {
        case .move, .store, .input: true
        case .compare, .load, .scan, .output: false
        }
    }
}
