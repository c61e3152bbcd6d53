// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

@Suite struct SerialOptionsTests {
    static func read(_ text: String) throws -> SerialOptions {
        let bytes = Array(text.utf8)
        var options = SerialOptions(port: 0x3f8)
        try options.read(bytes.span)
        return options
    }

    @Test(
        arguments: [
            ("", nil, 0x03, 0x3f8), ("115200,8n1", 1, 0x03, 0x3f8), ("9600,7e2,0x2f8,3", 12, 0x1e, 0x2f8),
            ("auto", nil, 0x03, 0x3f8),
            ("38400,,0x3e8", 3, 0x03, 0x3e8), ("115200/29491200,8o1", 16, 0x0b, 0x3f8), ("1", 0xffff, 0x03, 0x3f8),
            ("921600", 1, 0x03, 0x3f8), ("57600,8n1,,4", 2, 0x03, 0x3f8), ("19200,5m1,1016,msi", 6, 0x28, 0x3f8),
            ("115200,8n1,pci,0,03:00.0,02:01.0", 1, 0x03, 0x3f8),
            ("baud=9600,parity=e,data-bits=7,stop-bits=2,io-base=0x2e8", 12, 0x1e, 0x2e8),
            ("9600,8n1,clock-hz=29491200,parity=o", 192, 0x0b, 0x3f8),
        ] as [(String, UInt16?, UInt8, UInt16)])
    func reads(text: String, divisor: UInt16?, lineControl: UInt8, port: UInt16) throws {
        let options = try Self.read(text)
        #expect(options.divisor == divisor)
        #expect(options.lineControl == lineControl)
        #expect(options.port == port)
    }

    @Test func whereItIs() throws {
        #expect(try Self.read("115200,8n1,pci").card == .any)
        #expect(try Self.read("115200,8n1,amt,0").card == .anyWithAMT)
        #expect(try Self.read("dev=pci,baud=auto").card == .any)
        #expect(try Self.read("115200,8n1,0x2f8").card == nil)
        #expect(try Self.read("115200,8n1,,3").line == 3)
        #expect(try Self.read("115200,8n1,,msi").line == 0)
        #expect(try Self.read("115200").line == nil)
        #expect(try Self.read("115200,reg-shift=2,reg-width=1").shift == 2)
    }

    /// What stands before the part that cannot be read counts.
    @Test func keepsWhatItCouldRead() {
        var options = SerialOptions(port: 0x3f8)
        let bytes = Array("9600,7e1,what".utf8)
        #expect(throws: OptionError.invalid) { try options.read(bytes.span) }
        #expect(options.divisor == 12 && options.lineControl == 0x1a && options.port == 0x3f8)
    }

    @Test(arguments: [
        "reg-width=4", "reg-width=2", "dev=usb", "parity=x", "parity=", "stop-bits=3", "what=1", "baud=9600,8n1,1,2,3,4,5,6",
        "x", "0", "115200,9n1", "115200,8x1", "115200,8n", "115200,8n1,y", "115200,8n1,0x3f8,4,5,6,7", "-1", "9600/1",
    ])
    func refuses(text: String) { #expect(throws: (any Error).self) { try Self.read(text) } }
}
