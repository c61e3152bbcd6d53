// SPDX-License-Identifier: Apache-2.0

import Base

/// The registers of a local APIC that only its own vCPU reaches.
struct LocalAPICRegisters: BitwiseCopyable {
    let id: UInt32
    /// IA32_APIC_BASE: enabled, and bootstrap processor in bit 8.
    var base: UInt64
    var taskPriority: UInt32 = 0
    private var logicalDestination: UInt32 = 0
    private var destinationFormat: UInt32 = .max
    private var spurious: UInt32 = 0xff
    private var inService = InlineArray<8, UInt32>(repeating: 0)
    private var command: UInt64 = 0
    /// Local vector table: timer, thermal, performance, LINT0, LINT1, error.
    var local = InlineArray<6, UInt32>(repeating: Self.masked)
    var timer = LocalAPICTimer()
    /// Errors since the guest last wrote the error status, and what it reads there: those of before (10.5.3).
    private var errors: UInt32 = 0
    private var errorStatus: UInt32 = 0

    private static var masked: UInt32 { 1 << 16 }

    init(id: UInt32) {
        self.id = id
        base = 0xfee0_0000 | 1 << 11 | (id == 0 ? 1 << 8 : 0)
    }

    mutating func reset() {
        let base = base
        self = LocalAPICRegisters(id: id)
        self.base = base
    }

    // MARK: State

    var isX2: Bool { base >> 10 & 1 != 0 }
    /// On both by the MSR and by the spurious interrupt's register. In xAPIC mode a new APIC takes nothing.
    var isEnabled: Bool { base >> 11 & 1 != 0 && spurious >> 8 & 1 != 0 }
    var isFlat: Bool { destinationFormat >> 28 == 0xf }
    /// In x2APIC mode derived from the ID (10.12.10.2).
    var logical: UInt32 { isX2 ? (id >> 4) << 16 | 1 << (id & 15) : logicalDestination }

    var timerIsPeriodic: Bool { local[0] >> 17 & 3 == 1 }
    var timerIsMasked: Bool { local[0] & Self.masked != 0 }

    private var highestInService: UInt8? {
        for word in (0..<8).reversed() where inService[word] != 0 {
            return UInt8(word * 32 + 31 - inService[word].leadingZeroBitCount)
        }
        return nil
    }

    /// The class that interrupts must be above.
    var processorPriority: UInt8 {
        let serving = highestInService ?? 0
        let task = UInt8(truncatingIfNeeded: taskPriority)
        return task & 0xf0 >= serving & 0xf0 ? task : serving & 0xf0
    }

    mutating func setInService(_ vector: UInt8) { inService[Int(vector >> 5)] |= 1 << UInt32(vector & 31) }

    mutating func clearInService(_ vector: UInt8) { inService[Int(vector >> 5)] &= ~(1 << UInt32(vector & 31)) }

    /// The vector that has ended; nil where none was in service.
    mutating func endInterrupt() -> UInt8? {
        guard let vector = highestInService else { return nil }
        clearInService(vector)
        return vector
    }

    /// Off to on, on to x2APIC, anything to off (10.12.5).
    mutating func setBase(_ value: UInt64) -> Bool {
        let mode: UInt64 = 3 << 10
        guard value & ~mode == base & ~mode else { return false }
        let old = base >> 10 & 3
        let new = value >> 10 & 3
        // 1: x2APIC without enable; from x2APIC (3) only off; from off (0) not straight to x2APIC.
        guard new != 1, !(old == 3 && new == 2), !(old == 0 && new == 3) else { return false }
        if new == 0 { reset() }
        base = value
        return true
    }

    // MARK: Errors

    /// Notes an error. Returns the vector of the interrupt that tells of it, if it is one of which nobody has been told: not while
    /// it is masked, nor where it is illegal itself, which is an error of its own (Xen: vlapic_error).
    mutating func record(_ error: APICError) -> UInt8? {
        guard errors & error.bit == 0 else { return nil }
        errors |= error.bit
        let entry = local[5]
        guard entry & Self.masked == 0 else { return nil }
        let vector = UInt8(truncatingIfNeeded: entry)
        if vector >= 16 { return vector }
        errors |= APICError.receivedVector.bit
        return nil
    }

    /// Whether a register of the page is one, if only to be read. Two of its tables of vectors are not here.
    func hasRegister(_ offset: UInt32) -> Bool {
        (LocalRegister.triggerMode..<LocalRegister.request + 0x80).contains(offset)
            || offset == LocalRegister.endOfInterrupt || read(offset, now: SystemTime(nanoseconds: 0)) != nil
    }

    // MARK: Reads

    func read(_ offset: UInt32, now: SystemTime) -> UInt32? {
        switch offset {
        case LocalRegister.id: isX2 ? id : id << 24
        case LocalRegister.version: VirtualLocalAPIC.version
        case LocalRegister.taskPriority: taskPriority
        case LocalRegister.processorPriority: UInt32(processorPriority)
        case LocalRegister.logicalDestination: logical
        case LocalRegister.destinationFormat: isX2 ? nil : destinationFormat
        case LocalRegister.spurious: spurious
        case LocalRegister.inService..<LocalRegister.inService + 0x80:
            inService[Int(offset - LocalRegister.inService) >> 4]
        case LocalRegister.errorStatus: errorStatus
        case LocalRegister.command: UInt32(truncatingIfNeeded: command)
        case LocalRegister.commandTarget: UInt32(truncatingIfNeeded: command >> 32)
        case LocalRegister.timer...LocalRegister.error: local[Int(offset - LocalRegister.timer) >> 4]
        case LocalRegister.initialCount: timer.initial
        case LocalRegister.currentCount: timer.current(now: now, isPeriodic: timerIsPeriodic)
        case LocalRegister.divide: timer.divide
        default: nil
        }
    }

    // MARK: Writes

    mutating func write(_ offset: UInt32, _ value: UInt64, now: SystemTime) -> LocalAPICEffect {
        let word = UInt32(truncatingIfNeeded: value)
        switch offset {
        case LocalRegister.taskPriority: taskPriority = word & 0xff
        case LocalRegister.logicalDestination where !isX2: logicalDestination = word & 0xff00_0000
        case LocalRegister.destinationFormat where !isX2: destinationFormat = word | 0x0fff_ffff
        case LocalRegister.spurious: return setSpurious(word)
        case LocalRegister.errorStatus: (errorStatus, errors) = (errors, 0)
        case LocalRegister.commandTarget where !isX2: command = command & 0xffff_ffff | UInt64(word) << 32
        case LocalRegister.command: return send(value)
        case LocalRegister.selfInterrupt where isX2:
            return .send(InterprocessorCommand(low: word & 0xff | 1 << 18, destination: 0, isX2: true))
        case LocalRegister.timer...LocalRegister.error:
            return setLocal(Int(offset - LocalRegister.timer) >> 4, word, now: now)
        case LocalRegister.initialCount:
            timer.start(word, now: now)
            return .timerChanged
        case LocalRegister.divide:
            timer.setDivide(word, now: now, isPeriodic: timerIsPeriodic)
            return .timerChanged
        default: return .refused
        }
        return .none
    }

    /// Turned off by software: every local interrupt is masked (10.4.7.2).
    private mutating func setSpurious(_ word: UInt32) -> LocalAPICEffect {
        let wasOn = spurious >> 8 & 1 != 0
        spurious = word & 0x3ff
        if word >> 8 & 1 != 0 { return wasOn ? .none : .turnedOn }
        for index in 0..<6 { local[index] |= Self.masked }
        return .none
    }

    private mutating func setLocal(_ index: Int, _ word: UInt32, now: SystemTime) -> LocalAPICEffect {
        // Vector, delivery mode, polarity, trigger, mask; the timer's mode.
        let mask: UInt32 =
            switch index {
            case 0: 0x3_00ff
            case 3, 4: 0x1_a7ff
            case 5: 0x1_00ff
            default: 0x1_07ff
            }
        // What ran out while it was masked, which nobody was told of, is not told of afterwards.
        if index == 0, timerIsMasked { _ = timer.fire(now: now, isPeriodic: timerIsPeriodic) }
        local[index] = word & mask | (spurious >> 8 & 1 == 0 ? Self.masked : 0)
        return index == 0 ? .timerChanged : .none
    }

    private mutating func send(_ value: UInt64) -> LocalAPICEffect {
        let low = UInt32(truncatingIfNeeded: value) & ~(1 << 12)
        if isX2 { command = value & ~(1 << 12) } else { command = command & 0xffff_ffff_0000_0000 | UInt64(low) }
        let target = UInt32(truncatingIfNeeded: command >> 32)
        return .send(InterprocessorCommand(low: low, destination: isX2 ? target : target >> 24, isX2: isX2))
    }
}

/// The timer: counts down from `initial` at 1 GHz / 10 / divisor (Xen: APIC_BUS_CYCLE_NS).
struct LocalAPICTimer: BitwiseCopyable {
    private static var cycle: UInt64 { 10 }
    /// Nanoseconds between two interrupts of a periodic timer, whatever it counts (Xen: create_periodic_time): a guest could have its
    /// pCPU do nothing but take them.
    static var shortest: UInt64 { 100_000 }

    private(set) var initial: UInt32 = 0
    private(set) var divide: UInt32 = 0
    /// When it began to count; it is stopped while `initial` is 0 or it `isDone`.
    private var began = SystemTime(nanoseconds: 0)
    private var isDone = true

    /// Counts are this many nanoseconds each: 1 to 128 cycles (10.5.4).
    private var step: UInt64 {
        let code = divide & 3 | divide >> 1 & 4
        return Self.cycle << UInt64((code + 1) & 7)
    }

    private var period: UInt64 { UInt64(initial) &* step }

    /// From one interrupt to the next.
    private func interval(_ isPeriodic: Bool) -> UInt64 { isPeriodic ? max(period, Self.shortest) : period }

    mutating func start(_ count: UInt32, now: SystemTime) {
        initial = count
        began = now
        isDone = count == 0
    }

    mutating func setDivide(_ value: UInt32, now: SystemTime, isPeriodic: Bool) {
        let left = current(now: now, isPeriodic: isPeriodic)
        divide = value & 0xb
        if !isDone { began = SystemTime(nanoseconds: now.nanoseconds &- UInt64(initial - min(left, initial)) &* step) }
    }

    func deadline(_ isPeriodic: Bool) -> SystemTime { isDone ? .never : began + interval(isPeriodic) }

    func current(now: SystemTime, isPeriodic: Bool) -> UInt32 {
        guard !isDone, initial > 0 else { return 0 }
        let passed = (now.nanoseconds &- began.nanoseconds) / step
        if passed < UInt64(initial) { return initial - UInt32(passed) }
        return isPeriodic ? initial - UInt32(passed % UInt64(initial)) : 0
    }

    /// True where it has run out. Periods that were missed are made up for by one interrupt.
    mutating func fire(now: SystemTime, isPeriodic: Bool) -> Bool {
        let interval = interval(isPeriodic)
        guard !isDone, interval > 0, now >= began + interval else { return false }
        if isPeriodic {
            began = began + (now.nanoseconds &- began.nanoseconds) / interval &* interval
        } else {
            isDone = true
        }
        return true
    }
}

extension VirtualLocalAPIC {
    /// Whether WRMSR takes a value, in x2APIC mode (Xen: guest_wrmsr_x2apic): reserved bits are refused, where the page of
    /// registers does not mind them.
    @inline(__always) public static func allows(_ value: UInt64, at offset: UInt32) -> Bool {
        switch offset {
        case LocalRegister.taskPriority, LocalRegister.selfInterrupt: value >> 8 == 0
        case LocalRegister.endOfInterrupt, LocalRegister.errorStatus: value == 0
        // Vector, delivery mode, destination mode, level, trigger, shorthand.
        case LocalRegister.command: value & 0xffff_ffff & ~0xc_cfff == 0
        case LocalRegister.spurious: value & ~0x3ff == 0
        case LocalRegister.timer: value & ~0x7_10ff == 0
        case LocalRegister.thermal, LocalRegister.performance: value & ~0x1_17ff == 0
        case LocalRegister.lint0, LocalRegister.lint1: value & ~0x1_f7ff == 0
        case LocalRegister.error: value & ~0x1_10ff == 0
        case LocalRegister.divide: value & ~0xb == 0
        default: value >> 32 == 0
        }
    }
}
