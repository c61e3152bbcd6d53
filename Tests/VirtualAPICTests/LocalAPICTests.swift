// SPDX-License-Identifier: Apache-2.0

import Base
import Testing

@testable import VirtualAPIC

private let start = SystemTime(nanoseconds: 1000)

/// A local APIC that can be asked inside of an expectation.
final class TestAPIC {
    private let apic: VirtualLocalAPIC
    init(id: UInt32) { apic = VirtualLocalAPIC(id: id) }
    var pending: UInt8? { apic.pending }
    var base: UInt64 { apic.base }
    var deadline: SystemTime { apic.deadline }
    var taskPriority: UInt8 {
        get { apic.taskPriority }
        set { apic.taskPriority = newValue }
    }
    @discardableResult func post(_ vector: UInt8, isLevel: Bool) -> Bool { apic.post(vector, isLevel: isLevel) }
    func accept(_ vector: UInt8) { apic.accept(vector) }
    func decline(_ vector: UInt8) { apic.decline(vector) }
    func setBase(_ value: UInt64) -> Bool { apic.setBase(value) }
    func fire(now: SystemTime) -> Bool { apic.fire(now: now) }
    func read(_ offset: UInt32, now: SystemTime) -> UInt32? { apic.read(offset, now: now) }
    func write(_ offset: UInt32, _ value: UInt64, now: SystemTime) -> LocalAPICEffect { apic.write(offset, value, now: now) }
}

@Suite struct LocalAPICTests {
    /// On, in x2APIC mode, every priority let through.
    static func enable(_ apic: TestAPIC, x2: Bool = true) {
        if x2 { #expect(apic.setBase(apic.base | 1 << 10)) }
        #expect(apic.write(LocalRegister.spurious, 0x1ff, now: start) == .turnedOn)
        #expect(apic.write(LocalRegister.spurious, 0x1ff, now: start) == .none)
    }

    @Test func deliversByPriority() {
        let apic = TestAPIC(id: 0)
        #expect(!apic.post(0x40, isLevel: false), "off after reset")
        Self.enable(apic)
        #expect(apic.post(0x40, isLevel: false))
        #expect(!apic.post(0x40, isLevel: false))
        #expect(apic.post(0xf3, isLevel: false))
        #expect(apic.pending == 0xf3)
        apic.accept(0xf3)
        #expect(apic.pending == nil, "a lower one waits for the end")
        #expect(apic.write(LocalRegister.endOfInterrupt, 0, now: start) == .none)
        #expect(apic.pending == 0x40)
        _ = apic.write(LocalRegister.taskPriority, 0x40, now: start)
        #expect(apic.pending == nil)
        apic.taskPriority = 0x3f
        #expect(apic.pending == 0x40)
        #expect(!apic.post(15, isLevel: false), "vectors below 16 are errors")
        // Accepted on the way into the guest, which then did not take it; another came meanwhile.
        apic.accept(0x40)
        apic.post(0x40, isLevel: false)
        apic.decline(0x40)
        #expect(apic.pending == 0x40 && apic.write(LocalRegister.endOfInterrupt, 0, now: start) == .none)
    }

    @Test func tellsOfTheEndOfALevel() {
        let apic = TestAPIC(id: 2)
        Self.enable(apic)
        apic.post(0x51, isLevel: true)
        apic.accept(0x51)
        #expect(apic.write(LocalRegister.endOfInterrupt, 0, now: start) == .ended(vector: 0x51))
        #expect(apic.write(LocalRegister.endOfInterrupt, 0, now: start) == .none, "nothing in service")
        apic.post(0x51, isLevel: false)
        apic.accept(0x51)
        #expect(apic.write(LocalRegister.endOfInterrupt, 0, now: start) == .none)
    }

    @Test func changesModeByTheBook() {
        let apic = TestAPIC(id: 4)
        let base = apic.base
        #expect(!apic.setBase(base ^ 1 << 20), "the registers do not move")
        #expect(!apic.setBase(base & ~(1 << 11) | 1 << 10))
        #expect(apic.setBase(base | 1 << 10))
        #expect(!apic.setBase(base), "not back")
        #expect(apic.setBase(base & ~(3 << 10)))
        #expect(!apic.setBase(base | 1 << 10), "not from off")
        #expect(apic.setBase(base))
        #expect(apic.read(LocalRegister.id, now: start) == 4 << 24)
        #expect(apic.setBase(base | 1 << 10))
        #expect(apic.read(LocalRegister.id, now: start) == 4)
        #expect(apic.read(LocalRegister.logicalDestination, now: start) == 1 << 4)
        #expect(apic.read(LocalRegister.destinationFormat, now: start) == nil)
        #expect(apic.write(LocalRegister.destinationFormat, 0, now: start) == .refused)
    }

    @Test func sendsCommands() {
        let apic = TestAPIC(id: 0)
        Self.enable(apic)
        let command = InterprocessorCommand(low: 0x608, destination: 2, isX2: true)
        #expect(apic.write(LocalRegister.command, 2 << 32 | 0x608, now: start) == .send(command))
        #expect(command.delivery == .startup && command.vector == 8)
        #expect(command.reaches(2, isSender: false, logical: 1 << 2, isFlat: true))
        #expect(!command.reaches(0, isSender: true, logical: 1, isFlat: true))
        guard case .send(let own) = apic.write(LocalRegister.selfInterrupt, 0x77, now: start) else { return #expect(Bool(false)) }
        #expect(own.shorthand == .caller && own.vector == 0x77)
        let old = TestAPIC(id: 0)
        Self.enable(old, x2: false)
        #expect(old.write(LocalRegister.commandTarget, 3 << 24, now: start) == .none)
        #expect(old.write(LocalRegister.command, 0xc_4030, now: start)
            == .send(InterprocessorCommand(low: 0xc_4030, destination: 3, isX2: false)))
    }

    // MARK: Errors

    /// What the error status says after it was written, which clears it for the next time.
    func errors(_ apic: TestAPIC) -> UInt32? {
        #expect(apic.write(LocalRegister.errorStatus, 0, now: start) == .none)
        return apic.read(LocalRegister.errorStatus, now: start)
    }

    @Test(arguments: [true, false]) func illegalVectors(x2: Bool) {
        let apic = TestAPIC(id: 0)
        Self.enable(apic, x2: x2)
        for vector in 0..<16 as Range<UInt64> {
            for delivery: UInt64 in [0, 1 << 8] {
                #expect(apic.write(LocalRegister.command, 1 << 18 | delivery | vector, now: start) == .none, "not sent")
            }
        }
        #expect(apic.read(LocalRegister.errorStatus, now: start) == 0, "not before it is written")
        #expect(errors(apic) == 0x20 && errors(apic) == 0)
        // A page, and nothing at all.
        for command: UInt64 in [0x608, 0x400] {
            guard case .send = apic.write(LocalRegister.command, command, now: start) else { return #expect(Bool(false)) }
        }
        #expect(errors(apic) == 0)
        // Received, from wherever.
        #expect(!apic.post(15, isLevel: false) && apic.pending == nil)
        _ = apic.write(LocalRegister.timer, 3, now: start)
        _ = apic.write(LocalRegister.initialCount, 10, now: start)
        #expect(!apic.fire(now: start + 1_000_000))
        _ = apic.write(LocalRegister.command, 1 << 18 | 5, now: start)
        #expect(errors(apic) == 0x60 && errors(apic) == 0)
        if x2 {
            #expect(apic.write(LocalRegister.selfInterrupt, 2, now: start) == .none)
            #expect(errors(apic) == 0x20)
        }
    }

    /// Once for each kind of error until the status is written; not while it is masked; an illegal vector of its own is an error.
    @Test func theInterruptThatTellsOfErrors() {
        let apic = TestAPIC(id: 0)
        Self.enable(apic)
        func send() { _ = apic.write(LocalRegister.command, 1 << 18 | 5, now: start) }
        func came() -> Bool {
            guard apic.pending == 0x45 else { return false }
            apic.accept(0x45)
            return apic.write(LocalRegister.endOfInterrupt, 0, now: start) == .none
        }
        send()
        #expect(apic.pending == nil && errors(apic) == 0x20)
        _ = apic.write(LocalRegister.error, 0x45, now: start)
        send()
        #expect(came())
        send()
        #expect(!came(), "known")
        #expect(apic.post(3, isLevel: false), "whoever posts has to wake it")
        #expect(came() && errors(apic) == 0x60)
        send()
        #expect(came() && errors(apic) == 0x20)
        _ = apic.write(LocalRegister.error, 0xf, now: start)
        send()
        #expect(apic.pending == nil && errors(apic) == 0x60, "the interrupt's own vector")
        // Nothing arrives at an APIC that is off, not even what is wrong; and it forgets with INIT.
        _ = apic.write(LocalRegister.spurious, 0xff, now: start)
        #expect(!apic.post(3, isLevel: false) && errors(apic) == 0)
        send()
        #expect(apic.setBase(apic.base & ~(3 << 10)) && apic.setBase(apic.base | 1 << 11))
        #expect(errors(apic) == 0)
    }

    /// Registers that there are not: an error where they are memory, #GP where they are numbers.
    @Test func illegalRegisters() {
        let apic = TestAPIC(id: 0)
        Self.enable(apic, x2: false)
        for offset: UInt32 in [0x000, 0x010, 0x040, 0x070, 0x290, 0x3f0, 0x400, 0xff0] {
            #expect(apic.read(offset, now: start) == nil && errors(apic) == 0x80, "\(offset)")
            #expect(apic.write(offset, 0, now: start) == .refused && errors(apic) == 0x80)
        }
        // Those that can only be read, or only be written.
        for offset: UInt32 in [0x030, 0x0a0, 0x100, 0x200, 0x390] {
            #expect(apic.write(offset, 0, now: start) == .refused && errors(apic) == 0, "\(offset)")
        }
        #expect(apic.write(LocalRegister.endOfInterrupt, 0, now: start) == .none && errors(apic) == 0)
        #expect(apic.setBase(apic.base | 1 << 10))
        #expect(apic.read(0x040, now: start) == nil && apic.write(0x040, 0, now: start) == .refused && errors(apic) == 0)
    }

    /// What WRMSR refuses (Intel SDM 3A, 10.12.1.3).
    @Test(
        arguments: [
            (0x080, 0xff, 0x100), (0x0b0, 0, 1), (0x0f0, 0x3ff, 0x1000), (0x280, 0, 1), (0x300, 0xf_0000_000c_cfff, 0x2000),
            (0x320, 0x7_10ff, 0x100), (0x330, 0x1_17ff, 0x8000), (0x340, 0x1_17ff, 0x2_0000), (0x350, 0x1_f7ff, 0x2_0000),
            (0x360, 0x1_f7ff, 0x800), (0x370, 0x1_10ff, 0x400), (0x380, 0xffff_ffff, 1 << 32), (0x3e0, 0xb, 4), (0x3f0, 0xff, 0x100),
        ] as [(UInt32, UInt64, UInt64)]) func reservedBits(_ offset: UInt32, _ all: UInt64, _ reserved: UInt64)
    {
        #expect(VirtualLocalAPIC.allows(all, at: offset) && VirtualLocalAPIC.allows(0, at: offset))
        #expect(!VirtualLocalAPIC.allows(reserved, at: offset) && !VirtualLocalAPIC.allows(all | reserved, at: offset))
    }

    @Test func destinations() {
        func reaches(_ value: UInt32, logical: Bool, x2: Bool, id: UInt32 = 5, own: UInt32 = 0, flat: Bool = true) -> Bool {
            Destination(value: value, isLogical: logical, isX2: x2).reaches(id, logical: own, isFlat: flat)
        }
        #expect(reaches(5, logical: false, x2: false))
        #expect(reaches(0xff, logical: false, x2: false))
        #expect(!reaches(0xff, logical: false, x2: true))
        #expect(reaches(.max, logical: true, x2: true))
        #expect(reaches(0x6, logical: true, x2: false, own: 0x0200_0000))
        #expect(!reaches(0x5, logical: true, x2: false, own: 0x0200_0000))
        #expect(reaches(0x23, logical: true, x2: false, own: 0x2200_0000, flat: false))
        #expect(!reaches(0x13, logical: true, x2: false, own: 0x2200_0000, flat: false))
        #expect(reaches(0x1_0003, logical: true, x2: true, own: 0x1_0002))
        #expect(!reaches(0x2_0003, logical: true, x2: true, own: 0x1_0002))
    }

    @Test func timerCounts() {
        let apic = TestAPIC(id: 0)
        Self.enable(apic)
        _ = apic.write(LocalRegister.timer, 0xec, now: start)
        _ = apic.write(LocalRegister.divide, 0xb, now: start)
        #expect(apic.write(LocalRegister.initialCount, 100, now: start) == .timerChanged)
        #expect(apic.deadline == start + 1000)
        #expect(apic.read(LocalRegister.currentCount, now: start + 300) == 70)
        #expect(!apic.fire(now: start + 999))
        #expect(apic.fire(now: start + 1000))
        #expect(apic.pending == 0xec)
        #expect(apic.deadline == .never)
        #expect(apic.read(LocalRegister.currentCount, now: start + 5000) == 0)
        // Periodic, divided by 16: 160 us each.
        _ = apic.write(LocalRegister.timer, 1 << 17 | 0xec, now: start)
        _ = apic.write(LocalRegister.divide, 0x3, now: start)
        _ = apic.write(LocalRegister.initialCount, 1000, now: start)
        #expect(apic.deadline == start + 160_000)
        apic.accept(0xec)
        #expect(apic.fire(now: start + 500_000))
        #expect(apic.deadline == start + 640_000)
        #expect(apic.read(LocalRegister.currentCount, now: start + 560_000) == 500)
    }

    /// Whatever a guest counts, in whatever order it sets it: 10,000 interrupts a second, and none for one that is masked.
    @Test func aTimerHasAFloor() {
        for code: UInt32 in [0, 1, 2, 3, 8, 9, 10, 11] {
            for count: UInt64 in [1, 2, 99, 10_000] {
                for setsModeLast in [false, true] {
                    let apic = TestAPIC(id: 0)
                    Self.enable(apic)
                    let mode: UInt64 = 1 << 17 | 0xec
                    if !setsModeLast { _ = apic.write(LocalRegister.timer, mode, now: start) }
                    _ = apic.write(LocalRegister.initialCount, count, now: start)
                    _ = apic.write(LocalRegister.divide, UInt64(code), now: start)
                    if setsModeLast { _ = apic.write(LocalRegister.timer, mode, now: start) }
                    #expect(interrupts(of: apic, for: 10_000_000) <= 100)
                    _ = apic.write(LocalRegister.timer, 1 << 16 | mode, now: start + 10_000_000)
                    #expect(interrupts(of: apic, for: 10_000_000, from: start + 10_000_000) == 0)
                }
            }
        }
    }

    /// How often a pCPU is interrupted that does all that the APIC asks of it.
    private func interrupts(of apic: TestAPIC, for time: UInt64, from first: SystemTime = start) -> Int {
        var now = first
        var count = 0
        while apic.deadline < first + time, count < 1000 {
            now = max(now + 1, apic.deadline)
            _ = apic.fire(now: now)
            count += 1
        }
        return count
    }

    /// A timer that ran out while it was masked does not interrupt when it no longer is; one that counts on does.
    @Test func whatRanOutWhileMasked() {
        let apic = TestAPIC(id: 0)
        Self.enable(apic)
        _ = apic.write(LocalRegister.divide, 0xb, now: start)
        _ = apic.write(LocalRegister.timer, 1 << 16 | 0xec, now: start)
        _ = apic.write(LocalRegister.initialCount, 1000, now: start)
        #expect(apic.deadline == .never)
        _ = apic.write(LocalRegister.timer, 0xec, now: start + 20_000)
        #expect(apic.deadline == .never)
        #expect(!apic.fire(now: start + 30_000))
        _ = apic.write(LocalRegister.timer, 1 << 16 | 0xec, now: start + 30_000)
        _ = apic.write(LocalRegister.initialCount, 1000, now: start + 30_000)
        _ = apic.write(LocalRegister.timer, 0xec, now: start + 35_000)
        #expect(apic.deadline == start + 40_000)
        #expect(apic.fire(now: start + 40_000))
    }

    @Test func aMaskedTimerIsSilent() {
        let apic = TestAPIC(id: 0)
        Self.enable(apic)
        _ = apic.write(LocalRegister.initialCount, 1, now: start)
        #expect(!apic.fire(now: start + 1_000_000))
        #expect(apic.pending == nil)
    }
}

@Suite struct IOAPICTests {
    static func set(_ apic: inout VirtualIOAPIC, _ pin: UInt32, _ entry: UInt64) {
        _ = apic.write(0x00, 0x10 + pin * 2)
        #expect(apic.write(0x10, UInt32(truncatingIfNeeded: entry)) == Int(pin))
        _ = apic.write(0x00, 0x11 + pin * 2)
        #expect(apic.write(0x10, UInt32(truncatingIfNeeded: entry >> 32)) == Int(pin))
    }

    @Test func hasTheRegisters() {
        var apic = VirtualIOAPIC(id: 3)
        _ = apic.write(0x00, 1)
        #expect(apic.read(0x10) == 0x17_0011)
        _ = apic.write(0x00, 0)
        #expect(apic.read(0x10) == 3 << 24)
        #expect(apic.write(0x10, 7 << 24) == nil)
        _ = apic.write(0x00, 0x3f)
        #expect(apic.write(0x10, 0xff00_0000) == 23)
        #expect(apic.read(0x10) == 0xff00_0000)
        _ = apic.write(0x00, 0x40)
        #expect(apic.write(0x10, 1) == nil)
        #expect(apic.read(0x10) == 0)
    }

    @Test func edgesAndLevels() {
        var apic = VirtualIOAPIC(id: 0)
        #expect(apic.assert(4) == nil, "masked after reset")
        Self.set(&apic, 4, 0x31)
        #expect(apic.deliver(4)?.vector == 0x31, "what came before is not lost")
        #expect(apic.deliver(4) == nil)
        Self.set(&apic, 9, 1 << 15 | 0x51)
        #expect(apic.assert(9)?.isLevel == true)
        #expect(apic.assert(9) == nil, "in service")
        #expect(apic.end(0x52) == 0)
        #expect(apic.end(0x51) == 1 << 9)
        #expect(apic.deliver(9)?.vector == 0x51, "the line is still up")
        apic.deassert(9)
        #expect(apic.end(0x51) == 1 << 9)
        #expect(apic.deliver(9) == nil)
    }
}
