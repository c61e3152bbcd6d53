// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

@Suite struct CommandLineTests {
    @Test(arguments: [
        ("noreboot", true), ("no-noreboot", false), ("noreboot=yes", true), ("noreboot=off", false), ("noreboot=0", false),
        ("noreboot=", true), ("noreboot=1 noreboot=false", false), ("no-noreboot=no", true), ("reboot", nil), ("", nil),
        ("xnoreboot", nil), ("noreboot=disable", false), ("a=noreboot", nil),
    ] as [(String, Bool?)])
    func booleans(line: String, expected: Bool?) throws {
        let bytes = Array(line.utf8)
        #expect(try read(bytes) == expected)
        func read(_ bytes: [UInt8]) throws -> Bool? { try CommandLine(bytes.span).boolean("noreboot") }
    }

    @Test(arguments: [
        ("x=1", 1 << 10), ("x=1G", 1 << 30), ("x=1g", 1 << 30), ("x=0x10M", 16 << 20), ("x=010k", 8 << 10), ("x=7b", 7),
        ("x=16T", 16 << 40), ("x=0", 0),
    ] as [(String, UInt64)])
    func sizes(line: String, expected: UInt64) throws {
        let bytes = Array(line.utf8)
        #expect(try size(bytes) == expected)
    }

    @Test(arguments: [
        ("x=", .invalid), ("x", .invalid), ("no-x=1", .invalid), ("x=1Q", .invalid), ("x=G", .invalid), ("x=1GB", .invalid),
        ("x=99999999999999999999", .overflow), ("x=16777216T", .overflow), ("x=0x", .invalid), ("x=-1", .invalid),
        ("x=5%", .invalid), ("x=08", .invalid),
    ] as [(String, OptionError)])
    func badSizes(line: String, expected: OptionError) {
        let bytes = Array(line.utf8)
        #expect(throws: expected) { try self.size(bytes) }
    }

    func size(_ bytes: [UInt8]) throws -> UInt64? { try CommandLine(bytes.span).size("x") }

    @Test func splitsWordsAndDom0sPart() {
        let bytes = Array("  console=com1,vga \"a b\"=\"c d\" loose\"quote dom0_mem=1G -- root=/dev/sda -- init=/x\0junk".utf8)
        let line = CommandLine(bytes.span)
        var texts: [String] = []
        var words = line.words()
        while let word = words.next() { texts.append(String(word.text)) }
        #expect(texts == ["console=com1,vga", "\"a b\"=\"c d\"", "loose\"quote", "dom0_mem=1G"])
        #expect(String(line.dom0Words) == "root=/dev/sda -- init=/x")
        #expect(String(line.text("console", default: .literal("none"))) == "com1,vga")
        #expect(String(line.text("com2", default: .literal("none"))) == "none")
    }

    @Test func lastOneWinsAndQuotesGo() {
        let bytes = Array("a=1 a=\"2 3\" b a=\"\"4".utf8)
        let line = CommandLine(bytes.span)
        #expect(String(line.text("a", default: .literal(""))) == "\"\"4")
        let first = CommandLine(bytes.span.extracting(0..<11))
        #expect(String(first.text("a", default: .literal(""))) == "2 3")
    }

    @Test func findsUnknownWords() {
        let bytes = Array("noreboot com1=115200 frobnicate=1 no-smt loglvl=all".utf8)
        let known: [StaticString] = ["noreboot", "com1", "loglvl"]
        var words = CommandLine(bytes.span).words()
        var unknown: [String] = []
        while let word = words.next(notIn: known.span) { unknown.append(String(word.key)) }
        #expect(unknown == ["frobnicate", "smt"])
    }
}
