// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

@Suite struct SerialOptionsTests {
    static func read(_ text: String) throws -> SerialOptions {
        let bytes = Array(text.utf8)
        return try SerialOptions(bytes.span, port: 0x3f8)
    }

    @Test(
        arguments: [
            ("", nil, 0x03, 0x3f8), ("115200,8n1", 1, 0x03, 0x3f8), ("9600,7e2,0x2f8,3", 12, 0x1e, 0x2f8),
            ("auto", nil, 0x03, 0x3f8),
            ("38400,,0x3e8", 3, 0x03, 0x3e8), ("115200/29491200,8o1", 16, 0x0b, 0x3f8), ("1", 0xffff, 0x03, 0x3f8),
            ("921600", 1, 0x03, 0x3f8), ("57600,8n1,,4", 2, 0x03, 0x3f8), ("19200,5m1,1016,msi", 6, 0x28, 0x3f8),
        ] as [(String, UInt16?, UInt8, UInt16)])
    func reads(text: String, divisor: UInt16?, lineControl: UInt8, port: UInt16) throws {
        let options = try Self.read(text)
        #expect(options.divisor == divisor)
        #expect(options.lineControl == lineControl)
        #expect(options.port == port)
    }

    @Test(arguments: [
        "x", "0", "115200,9n1", "115200,8x1", "115200,8n", "115200,8n1,y", "115200,8n1,0x3f8,4,5", "-1", "9600/1",
    ])
    func refuses(text: String) { #expect(throws: (any Error).self) { try Self.read(text) } }
}
