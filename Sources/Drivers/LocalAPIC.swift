// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// A CPU's local APIC (Intel SDM 3A, chapter 11): registers in memory, or in x2APIC mode model-specific ones, which the bus
/// then reaches by the same offsets. Every CPU finds its own at the same place.
///
/// Interrupts are sent in physical mode.
public struct LocalAPIC<Registers: Bus>: Sendable {
    let registers: Registers
    /// x2APIC mode: IDs of 32 bits, and one write sends an interrupt.
    public let isX2: Bool

    public init(_ registers: Registers, isX2: Bool) {
        self.registers = registers
        self.isX2 = isX2
    }

    enum Offset {
        static var id: UInt64 { 0x020 }
        static var version: UInt64 { 0x030 }
        static var taskPriority: UInt64 { 0x080 }
        static var endOfInterrupt: UInt64 { 0x0b0 }
        static var spurious: UInt64 { 0x0f0 }
        static var inService: UInt64 { 0x100 }
        static var errorStatus: UInt64 { 0x280 }
        static var command: UInt64 { 0x300 }
        static var commandTarget: UInt64 { 0x310 }
        static var timer: UInt64 { 0x320 }
        static var thermal: UInt64 { 0x330 }
        static var performance: UInt64 { 0x340 }
        static var lint0: UInt64 { 0x350 }
        static var lint1: UInt64 { 0x360 }
        static var error: UInt64 { 0x370 }
        static var initialCount: UInt64 { 0x380 }
        static var currentCount: UInt64 { 0x390 }
        static var divide: UInt64 { 0x3e0 }
    }

    private static var masked: UInt32 { 1 << 16 }
    private static var deadlineMode: UInt32 { 2 << 17 }
    private static var nmi: UInt32 { 4 << 8 }

    /// The calling CPU's ID: 8 bits, or 32 in x2APIC mode.
    public var id: UInt32 {
        let value = registers.read32(Offset.id)
        return isX2 ? value : value >> 24
    }

    /// Sets up the calling CPU's APIC: on, every local interrupt masked but the NMI of pin LINT1, every priority let through.
    public func start(spurious: UInt8, error: UInt8) {
        let entries = registers.read32(Offset.version) >> 16 & 0xff
        registers.write32(Offset.spurious, 1 << 8 | UInt32(spurious))
        registers.write32(Offset.timer, Self.masked)
        if entries >= 4 { registers.write32(Offset.performance, Self.masked) }
        if entries >= 5 { registers.write32(Offset.thermal, Self.masked) }
        registers.write32(Offset.lint0, Self.masked)
        registers.write32(Offset.lint1, Self.nmi)
        clearErrors()
        registers.write32(Offset.error, UInt32(error))
        registers.write32(Offset.taskPriority, 0)
        endWhatIsInService()
    }

    /// The firmware may have left an interrupt that it took and did not end; it would hold back all of lower priority.
    private func endWhatIsInService() {
        for bank in UInt64(0)..<8 {
            var attempts = 32
            while registers.read32(Offset.inService + bank * 0x10) != 0, attempts > 0 {
                endInterrupt()
                attempts -= 1
            }
        }
    }

    /// Reads what went wrong since the last time, and forgets it.
    @discardableResult public func clearErrors() -> UInt32 {
        registers.write32(Offset.errorStatus, 0)
        let status = registers.read32(Offset.errorStatus)
        registers.write32(Offset.errorStatus, 0)
        return status
    }

    @inline(__always) public func endInterrupt() { registers.write32(Offset.endOfInterrupt, 0) }

    // MARK: Interrupts between processors

    /// Sends `vector` to the CPU with that ID.
    public func send(_ vector: UInt8, to id: UInt32) { command(UInt32(vector), to: id) }

    /// INIT: the CPU waits for a startup.
    public func sendInit(to id: UInt32) { command(5 << 8 | 1 << 14, to: id) }

    /// Startup: the CPU begins in real mode at `frame` * 4096, below 1 MiB.
    public func sendStartup(frame: UInt8, to id: UInt32) { command(6 << 8 | 1 << 14 | UInt32(frame), to: id) }

    private func command(_ command: UInt32, to id: UInt32) {
        if isX2 {
            registers.write64(Offset.command, UInt64(id) << 32 | UInt64(command))
        } else {
            waitUntilSent()
            registers.write32(Offset.commandTarget, id << 24)
            registers.write32(Offset.command, command)
            waitUntilSent()
        }
    }

    /// Delivery status, a bounded wait.
    private func waitUntilSent() {
        var attempts = 1_000_000
        while registers.read32(Offset.command) & 1 << 12 != 0, attempts > 0 { attempts -= 1 }
    }

    // MARK: Timer

    /// One interrupt `vector` for every count that `setTimer` is given, at the bus's rate undivided.
    public func startOneShotTimer(vector: UInt8) {
        registers.write32(Offset.divide, 0b1011)
        registers.write32(Offset.timer, UInt32(vector))
    }

    /// One interrupt `vector` when the time stamp counter passes what is written to IA32_TSC_DEADLINE.
    public func startDeadlineTimer(vector: UInt8) { registers.write32(Offset.timer, UInt32(vector) | Self.deadlineMode) }

    /// Lets the timer count to 0 and interrupt; 0 stops it.
    @inline(__always) public func setTimer(_ count: UInt32) { registers.write32(Offset.initialCount, count) }

    /// What the timer has still to count.
    public var timerCount: UInt32 { registers.read32(Offset.currentCount) }
}
