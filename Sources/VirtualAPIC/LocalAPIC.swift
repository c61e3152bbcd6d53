// SPDX-License-Identifier: Apache-2.0

public import Base
import Sync
import Synchronization

/// One vCPU's local APIC (Intel SDM 3A, chapter 10; Xen: struct vlapic).
///
/// `post` may be called on any pCPU; everything else on the one that runs the vCPU, or while the vCPU does not run.
public struct VirtualLocalAPIC: ~Copyable {
    public let id: UInt32
    /// Interrupts that wait, and which of them are level-triggered: 256 bits each.
    let requests = FixedArray<8, Atomic<UInt32>> { _ in Atomic(0) }
    let levels = FixedArray<8, Atomic<UInt32>> { _ in Atomic(0) }
    let registers: SpinLock<LocalAPICRegisters>

    public init(id: UInt32) {
        self.id = id
        registers = SpinLock(LocalAPICRegisters(id: id), rank: .interruptController)
    }

    /// Entries of the local vector table; the version is that of an APIC of 2003.
    static var version: UInt32 { 0x0005_0014 }

    // MARK: Interrupts

    /// An interrupt arrives. False where it was waiting already, or the APIC is off: then whoever posts is told when it is
    /// turned on (`LocalAPICEffect.turnedOn`).
    @discardableResult public func post(_ vector: UInt8, isLevel: Bool) -> Bool {
        guard registers.withLock({ $0.isEnabled }) else { return false }
        if vector < 16 { return report(.receivedVector) }
        return request(vector, isLevel: isLevel)
    }

    @inline(__always) private func request(_ vector: UInt8, isLevel: Bool) -> Bool {
        let word = Int(vector >> 5)
        let bit: UInt32 = 1 << UInt32(vector & 31)
        if isLevel {
            levels[word].bitwiseOr(bit, ordering: .relaxed)
        } else {
            levels[word].bitwiseAnd(~bit, ordering: .relaxed)
        }
        return requests[word].bitwiseOr(bit, ordering: .sequentiallyConsistent).oldValue & bit == 0
    }

    /// Something was wrong. True where the interrupt that tells of it was posted.
    @inline(never) @discardableResult private func report(_ error: APICError) -> Bool {
        guard let vector = registers.withLock({ $0.record(error) }) else { return false }
        return request(vector, isLevel: false)
    }

    private var highestRequest: UInt8? {
        // Before every entry of the guest, and mostly there is none.
        var any: UInt32 = 0
        for word in 0..<8 { any |= requests[word].load(ordering: .acquiring) }
        guard any != 0 else { return nil }
        for word in (0..<8).reversed() {
            let bits = requests[word].load(ordering: .acquiring)
            if bits != 0 { return UInt8(word * 32 + 31 - bits.leadingZeroBitCount) }
        }
        return nil
    }

    /// The interrupt that the processor would take now, were it to take any.
    public var pending: UInt8? {
        guard let vector = highestRequest else { return nil }
        let priority = registers.withLock { $0.isEnabled ? $0.processorPriority : .max }
        return vector & 0xf0 > priority & 0xf0 ? vector : nil
    }

    /// The processor takes it.
    public func accept(_ vector: UInt8) {
        requests[Int(vector >> 5)].bitwiseAnd(~(1 << UInt32(vector & 31)), ordering: .relaxed)
        registers.withLock { $0.setInService(vector) }
    }

    /// The processor has not taken it after all: it waits again.
    public func decline(_ vector: UInt8) {
        registers.withLock { $0.clearInService(vector) }
        requests[Int(vector >> 5)].bitwiseOr(1 << UInt32(vector & 31), ordering: .sequentiallyConsistent)
    }

    /// The upper four bits of the task priority, which CR8 shows.
    public var taskPriority: UInt8 {
        get { registers.withLock { UInt8(truncatingIfNeeded: $0.taskPriority) } }
        nonmutating set { registers.withLock { $0.taskPriority = UInt32(newValue) } }
    }

    /// How messages find it.
    public var address: (logical: UInt32, isFlat: Bool) {
        registers.withLock { ($0.logical, $0.isFlat) }
    }

    /// INIT: everything as after reset, but what IA32_APIC_BASE says.
    public func reset() {
        for word in 0..<8 { requests[word].store(0, ordering: .relaxed) }
        registers.withLock { $0.reset() }
    }

    // MARK: IA32_APIC_BASE

    public var base: UInt64 { registers.withLock { $0.base } }

    /// False where the change is refused: a move of the registers, or a step that the modes do not have.
    public func setBase(_ value: UInt64) -> Bool {
        registers.withLock { $0.setBase(value) }
    }

    public var isX2: Bool { base >> 10 & 1 != 0 }

    // MARK: The timer

    /// When the timer interrupts next; `never` where it does not.
    public var deadline: SystemTime {
        registers.withLock { $0.timerIsMasked ? .never : $0.timer.deadline($0.timerIsPeriodic) }
    }

    /// Takes what is due. True where the timer's interrupt was posted.
    public func fire(now: SystemTime) -> Bool {
        let vector: UInt8? = registers.withLock { state in
            guard state.timer.fire(now: now, isPeriodic: state.timerIsPeriodic) else { return nil }
            return state.timerIsMasked ? nil : UInt8(truncatingIfNeeded: state.local[0])
        }
        guard let vector else { return false }
        return post(vector, isLevel: false)
    }

    // MARK: Registers

    /// A register's value, or nil where there is none.
    public func read(_ offset: UInt32, now: SystemTime) -> UInt32? {
        switch offset {
        case LocalRegister.request..<LocalRegister.request + 0x80:
            requests[Int(offset - LocalRegister.request) >> 4].load(ordering: .relaxed)
        case LocalRegister.triggerMode..<LocalRegister.triggerMode + 0x80:
            levels[Int(offset - LocalRegister.triggerMode) >> 4].load(ordering: .relaxed)
        default: readOther(offset, now: now)
        }
    }

    private func readOther(_ offset: UInt32, now: SystemTime) -> UInt32? {
        let (value, isX2) = registers.withLock { ($0.read(offset, now: now), $0.isX2) }
        // In x2APIC mode it is #GP.
        if value == nil, !isX2 { report(.register) }
        return value
    }

    /// Whether an access to this register asks what time it is: those of the timer from its initial count on.
    @inlinable public static func looksAtTime(_ offset: UInt32) -> Bool { offset >= 0x380 }

    /// The guest writes a register. In x2APIC mode the command register has its target in bits 32-63.
    public func write(_ offset: UInt32, _ value: UInt64, now: SystemTime) -> LocalAPICEffect {
        if offset == LocalRegister.endOfInterrupt { return endInterrupt() }
        let effect = registers.withLock { $0.write(offset, value, now: now) }
        switch effect {
        case .send(let command) where command.hasIllegalVector:
            report(.sentVector)
            return .none
        case .refused: if registers.withLock({ !$0.isX2 && !$0.hasRegister(offset) }) { report(.register) }
        default: break
        }
        return effect
    }

    /// WRMSR of the task priority in x2APIC mode, the register that is written most. False where it is refused.
    public func writeTaskPriority(_ value: UInt64) -> Bool {
        registers.withLock {
            guard $0.isX2, value >> 8 == 0 else { return false }
            $0.taskPriority = UInt32(truncatingIfNeeded: value)
            return true
        }
    }

    private func endInterrupt() -> LocalAPICEffect {
        guard let vector = registers.withLock({ $0.endInterrupt() }) else { return .none }
        let isLevel = levels[Int(vector >> 5)].load(ordering: .relaxed) >> UInt32(vector & 31) & 1 != 0
        return isLevel ? .ended(vector: vector) : .none
    }
}
