// SPDX-License-Identifier: Apache-2.0

import Base

/// Which programming model a serial port has.
public enum SerialKind: UInt8, CaseIterable, Sendable {
    case pl011, ns16550, cadence, lpuart, meson, exynos4210, scif, scifa, linflex, armada3700
}

/// A serial port of the device tree.
public struct SerialNode: Equatable, Sendable {
    public let node: DeviceTree.Node
    public let kind: SerialKind
    public let region: DeviceTree.Region
    /// A 16550's registers are 2^`shift` bytes apart and `width` bytes wide.
    public let shift: UInt8
    public let width: UInt8
    public let interrupt: DeviceTree.GICInterrupt?
}

extension DeviceTree {
    /// Serial ports that there is a driver for, by `compatible`, and how far apart a 16550's registers are without a word about it.
    private static var serialPorts: InlineArray<18, (name: StaticString, kind: SerialKind, shift: UInt8)> {
        [
            ("arm,pl011", .pl011, 0), ("arm,sbsa-uart", .pl011, 0), ("ns16550a", .ns16550, 0), ("ns16550", .ns16550, 0),
            ("snps,dw-apb-uart", .ns16550, 2), ("brcm,bcm2835-aux-uart", .ns16550, 2), ("cdns,uart-r1p8", .cadence, 0),
            ("cdns,uart-r1p12", .cadence, 0), ("fsl,imx8qm-lpuart", .lpuart, 0), ("amlogic,meson-uart", .meson, 0),
            ("amlogic,meson6-uart", .meson, 0), ("amlogic,meson-gx-uart", .meson, 0),
            ("samsung,exynos4210-uart", .exynos4210, 0), ("renesas,scif", .scif, 0), ("renesas,hscif", .scif, 0),
            ("renesas,scifa", .scifa, 0), ("nxp,s32g2-linflexuart", .linflex, 0),
            ("marvell,armada-3700-uart", .armada3700, 0),
        ]
    }

    /// The port that `dtuart=` names: a path, or an alias, and what follows a `:` are options of the line, which stays as the
    /// firmware left it. Nil where there is no such node, or none that there is a driver for.
    public func serialPort(at name: Span<UInt8>) -> SerialNode? {
        let path = name.slice(from: 0, count: name.firstIndex(of: UInt8(ascii: ":")) ?? name.count)
        guard let node = node(at: path) else { return nil }
        return serialPort(node)
    }

    /// The port of /chosen/stdout-path.
    public func chosenSerialPort() -> SerialNode? {
        guard let node = consoleNode() else { return nil }
        return serialPort(node)
    }

    /// The first port that there is a driver for and that is not disabled.
    public func firstSerialPort() -> SerialNode? {
        var nodes = walk()
        while let node = nodes.next() {
            if isAvailable(node), let port = serialPort(node) { return port }
        }
        return nil
    }

    private func serialPort(_ node: Node) -> SerialNode? {
        guard has("compatible", of: node) else { return nil }
        let known = Self.serialPorts
        for index in known.indices where isCompatible(node, with: known[index].name) {
            guard let region = region(of: node) else { return nil }
            let shift = u32("reg-shift", of: node) ?? UInt32(known[index].shift)
            // The specification knows 1, 2 and 4.
            let width: UInt8 = u32("reg-io-width", of: node) == 4 ? 4 : 1
            return SerialNode(
                node: node, kind: known[index].kind, region: region, shift: UInt8(min(shift, 4)), width: width,
                interrupt: interrupt(of: node)?.gic)
        }
        return nil
    }
}
