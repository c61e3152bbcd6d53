// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Firmware

@Suite struct DeviceTreeSerialTests {
    private static func tree(chosen: String = "", status: String = "okay") throws -> [UInt8] {
        try Trees.compile(
            """
            /dts-v1/;
            / {
                #address-cells = <1>;
                #size-cells = <1>;
                aliases { serial0 = "/soc/serial@1000"; serial1 = "/soc/serial@2000"; odd = "/soc/clock@5000"; };
                chosen { \(chosen) };
                soc {
                    compatible = "simple-bus";
                    #address-cells = <1>;
                    #size-cells = <1>;
                    ranges;
                    clock@5000 { compatible = "fixed-clock"; reg = <0x5000 0x100>; };
                    serial@3000 { compatible = "xlnx,zynqmp-uart", "cdns,uart-r1p12"; reg = <0x3000 0x1000>; status = "\(status)"; };
                    serial@1000 { compatible = "snps,dw-apb-uart"; reg = <0x1000 0x100>; };
                    serial@2000 { compatible = "ns16550a"; reg = <0x2000 0x100>; reg-shift = <2>; reg-io-width = <4>; };
                    serial@4000 { compatible = "samsung,exynos4210-uart"; reg = <0x4000 0x100>; };
                };
            };
            """)
    }

    /// What `dtuart=` names: once, options behind a `:` made the console silent.
    @Test(arguments: [
        ("serial0", 0x1000), ("serial0:115200n8", 0x1000), ("/soc/serial@2000", 0x2000), ("/soc/serial@4000:115200", 0x4000),
        ("serial1:", 0x2000), ("serial9", nil), ("odd", nil), ("", nil), (":", nil), ("/soc", nil), ("/soc/serial@9", nil),
    ] as [(String, UInt64?)])
    func names(name: String, address: UInt64?) throws {
        let bytes = try Self.tree()
        let text = Array(name.utf8)
        #expect(try DeviceTree(bytes.span).serialPort(at: text.span)?.region.start.rawValue == address)
    }

    @Test func withoutAName() throws {
        func addresses(_ bytes: [UInt8]) throws -> [UInt64?] {
            let tree = try DeviceTree(bytes.span)
            return [tree.chosenSerialPort()?.region.start.rawValue, tree.firstSerialPort()?.region.start.rawValue]
        }
        #expect(try addresses(Self.tree()) == [nil, 0x3000])
        #expect(try addresses(Self.tree(status: "disabled")) == [nil, 0x1000])
        #expect(try addresses(Self.tree(chosen: "stdout-path = \"serial1:9600\";")) == [0x2000, 0x3000])
    }

    @Test func registers() throws {
        let bytes = try Self.tree()
        let tree = try DeviceTree(bytes.span)
        func port(_ name: StaticString) -> SerialNode? { tree.serialPort(at: name.bytes) }
        #expect(port("serial0")?.kind == .ns16550 && port("serial0")?.shift == 2 && port("serial0")?.width == 1)
        #expect(port("serial1")?.kind == .ns16550 && port("serial1")?.shift == 2 && port("serial1")?.width == 4)
        #expect(port("/soc/serial@3000")?.kind == .cadence && port("/soc/serial@4000")?.kind == .exynos4210)
    }
}
