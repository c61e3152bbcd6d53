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
        // Periodic, divided by 16: 16 us each.
        _ = apic.write(LocalRegister.timer, 1 << 17 | 0xec, now: start)
        _ = apic.write(LocalRegister.divide, 0x3, now: start)
        _ = apic.write(LocalRegister.initialCount, 100, now: start)
        #expect(apic.deadline == start + 16_000)
        apic.accept(0xec)
        #expect(apic.fire(now: start + 50_000))
        #expect(apic.deadline == start + 64_000)
        #expect(apic.read(LocalRegister.currentCount, now: start + 56_000) == 50)
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

@Suite struct X2APICValueTests {
    @Test func reservedBits() {
        for (offset, value, isFine) in [
            (0x080, 0xff, true), (0x080, 0x100, false), (0x0b0, 0, true), (0x0b0, 1, false), (0x280, 0, true), (0x280, 2, false),
            (0x300, .max, true), (0x320, 0xffff_ffff, true), (0x320, 1 << 32, false), (0x3f0, 0x50, true), (0x3f0, 0x150, false),
        ] as [(UInt32, UInt64, Bool)] {
            #expect(VirtualLocalAPIC.allows(value, at: offset) == isFine, "\(value) at \(offset)")
        }
    }
}
