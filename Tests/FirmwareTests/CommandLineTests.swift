// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

@Suite struct CommandLineTests {
    @Test(arguments: [
        ("1", 1 << 10), ("1G", 1 << 30), ("1g", 1 << 30), ("0x10M", 16 << 20), ("010k", 8 << 10), ("7b", 7),
        ("16T", 16 << 40), ("0", 0),
    ] as [(String, UInt64)])
    func sizes(line: String, expected: UInt64) throws {
        let bytes = Array(line.utf8)
        #expect(try size(bytes) == expected)
    }

    @Test(arguments: [
        ("", .invalid), ("1Q", .invalid), ("G", .invalid), ("1GB", .invalid),
        ("99999999999999999999", .overflow), ("16777216T", .overflow), ("0x", .invalid), ("-1", .invalid),
        ("5%", .invalid), ("08", .invalid),
    ] as [(String, OptionError)])
    func badSizes(line: String, expected: OptionError) {
        let bytes = Array(line.utf8)
        #expect(throws: expected) { try self.size(bytes) }
    }

    func size(_ bytes: [UInt8]) throws(OptionError) -> UInt64 {
        var text = OptionText(bytes.span)
        let size = try text.size()
        guard text.isAtEnd else { throw .invalid }
        return size
    }

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
}
