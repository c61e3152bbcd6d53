// SPDX-License-Identifier: Apache-2.0

import MMIO
import Testing

@testable import Drivers

/// The text's memory, and the ports of the graphics controller.
private final class Screen: @unchecked Sendable {
    var bytes = [UInt8](repeating: 0xaa, count: 4000)
    var registers: [UInt8: UInt8] = [6: 0x0e]
    var index: UInt8 = 0

    var lines: [String] {
        (0..<25).map { line in
            let text = (0..<80).map { bytes[(line * 80 + $0) * 2] }
            return String(decoding: text, as: UTF8.self).replacing(/[ ]+$/, with: "")
        }
    }
}

private struct ScreenBus: Bus {
    let screen: Screen
    private func load(_ offset: UInt64, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(screen.bytes[Int(offset) + $1]) << UInt64(8 * $1) }
    }
    private func store(_ offset: UInt64, _ value: UInt64, _ count: Int) {
        for index in 0..<count { screen.bytes[Int(offset) + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
    func read8(_ offset: UInt64) -> UInt8 { UInt8(load(offset, 1)) }
    func read16(_ offset: UInt64) -> UInt16 { UInt16(load(offset, 2)) }
    func read32(_ offset: UInt64) -> UInt32 { UInt32(load(offset, 4)) }
    func read64(_ offset: UInt64) -> UInt64 { load(offset, 8) }
    func write8(_ offset: UInt64, _ value: UInt8) { store(offset, UInt64(value), 1) }
    func write16(_ offset: UInt64, _ value: UInt16) { store(offset, UInt64(value), 2) }
    func write32(_ offset: UInt64, _ value: UInt32) { store(offset, UInt64(value), 4) }
    func write64(_ offset: UInt64, _ value: UInt64) { store(offset, value, 8) }
}

private struct ControllerPorts: Bus {
    let screen: Screen
    func read8(_ offset: UInt64) -> UInt8 { offset == 0xf ? screen.registers[screen.index] ?? 0 : 0xff }
    func write8(_ offset: UInt64, _ value: UInt8) { if offset == 0xe { screen.index = value } }
    func read32(_ offset: UInt64) -> UInt32 { .max }
    func read64(_ offset: UInt64) -> UInt64 { .max }
    func write32(_ offset: UInt64, _ value: UInt32) {}
    func write64(_ offset: UInt64, _ value: UInt64) {}
}

@Suite struct VGATextTests {
    private let screen = Screen()

    private func write(_ text: String, to vga: inout VGAText<ScreenBus>) {
        for byte in text.utf8 { vga.put(byte) }
    }

    @Test func linesAndColumns() {
        var vga = VGAText(ScreenBus(screen: screen))
        #expect(screen.lines == [String](repeating: "", count: 25))
        write("(XEN) one\r\ntwo\nthr\ree", to: &vga)
        #expect(screen.lines[0..<4] == ["(XEN) one", "two", "eer", ""])
        #expect(screen.bytes[1] == 7)
    }

    @Test func longLinesGoOn() {
        var vga = VGAText(ScreenBus(screen: screen))
        write(String(repeating: "a", count: 80) + "\n" + String(repeating: "b", count: 161) + "\nc", to: &vga)
        let (a, b) = (String(repeating: "a", count: 80), String(repeating: "b", count: 80))
        #expect(screen.lines[0..<6] == [a, b, b, "b", "c", ""])
    }

    @Test func theScreenMovesUp() {
        var vga = VGAText(ScreenBus(screen: screen))
        for line in 0..<100 { write("line \(line)\n", to: &vga) }
        #expect(screen.lines == (76..<100).map { "line \($0)" } + [""])
    }

    /// Misc: text at 0xb8000; graphics; text elsewhere; no VGA.
    @Test(arguments: [(0x0e, true), (0x0c, true), (0x0f, false), (0x05, false), (0x0a, false), (0x02, false), (0xff, false), (0, false)] as [(UInt8, Bool)])
    func isShown(value: UInt8, expected: Bool) {
        screen.registers[6] = value
        #expect(VGAText<ScreenBus>.isShown(ControllerPorts(screen: screen)) == expected)
    }
}
