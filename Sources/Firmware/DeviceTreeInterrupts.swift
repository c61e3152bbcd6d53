// SPDX-License-Identifier: Apache-2.0

/// `interrupts` and `interrupts-extended` (Devicetree Specification 0.4, 2.4) and the GIC's three cells
/// (Linux: Documentation/devicetree/bindings/interrupt-controller/arm,gic.yaml).
extension DeviceTree {
    /// One interrupt of a device, as its controller spells it.
    public struct Interrupt: Hashable, Sendable, BitwiseCopyable {
        /// The controller that takes it, which need not be the GIC.
        public let controller: Node
        /// The first three specifier cells; those that are not there are 0.
        public let cells: (UInt32, UInt32, UInt32)
        /// How many cells the controller's specifiers have.
        public let cellCount: Int

        public static func == (a: Self, b: Self) -> Bool {
            a.controller == b.controller && a.cells == b.cells && a.cellCount == b.cellCount
        }
        public func hash(into hasher: inout Hasher) {
            hasher.combine(controller)
            hasher.combine(cells.0)
            hasher.combine(cells.1)
            hasher.combine(cells.2)
        }

        /// The interrupt where the controller is a GIC (3 cells or more): nil for another kind or a bad number.
        public var gic: GICInterrupt? {
            guard cellCount >= 3 else { return nil }
            switch (cells.0, cells.1) {
            case (0, 0..<988): return GICInterrupt(id: cells.1 + 32, flags: cells.2)
            case (1, 0..<16): return GICInterrupt(id: cells.1 + 16, flags: cells.2)
            default: return nil
            }
        }
    }

    /// An interrupt by its GIC number.
    public struct GICInterrupt: Hashable, Sendable, BitwiseCopyable {
        /// INTID: 16 to 31 are private to a CPU (PPI), 32 to 1019 shared (SPI).
        public let id: UInt32
        /// True: a rising or falling edge; false: a level.
        public let isEdge: Bool
        /// True for a falling edge or an active-low level.
        public let isLow: Bool

        init(id: UInt32, flags: UInt32) {
            self.id = id
            isEdge = flags & 3 != 0
            isLow = flags & 10 != 0
        }
    }

    /// The interrupts of one node, in the order of its property.
    public struct Interrupts: ~Escapable {
        let tree: DeviceTree
        let value: Value
        /// The controller of all; nil where each entry names its own.
        let common: Node?
        var cell = 0

        @_lifetime(copy tree, copy value)
        init(tree: DeviceTree, value: Value, common: Node?) {
            self.tree = tree
            self.value = value
            self.common = common
        }

        @_lifetime(self: copy self)
        public mutating func next() -> Interrupt? {
            while cell < value.cells {
                var controller = common
                if controller == nil {
                    // A phandle of 0 is an empty entry without a specifier.
                    guard let phandle = value.cell(cell) else { return nil }
                    cell += 1
                    if phandle == 0 { continue }
                    controller = tree.node(phandle: phandle)
                }
                guard let controller, let count = tree.cellCount("#interrupt-cells", of: controller), count > 0,
                    count <= value.cells - cell
                else { return nil }
                defer { cell += count }
                func at(_ index: Int) -> UInt32 { index < count ? value.cell(cell + index) ?? 0 : 0 }
                return Interrupt(controller: controller, cells: (at(0), at(1), at(2)), cellCount: count)
            }
            return nil
        }
    }

    /// The node's interrupts; `interrupts-extended` wins where both are there. An entry that cannot be resolved ends
    /// the sequence. Nil where the node has none.
    ///
    ///     if var interrupts = tree.interrupts(of: uart) {
    ///         while let interrupt = interrupts.next() { if let gic = interrupt.gic { route(gic.id, gic.isEdge) } }
    ///     }
    @_lifetime(copy self)
    public func interrupts(of node: Node) -> Interrupts? {
        if let extended = self["interrupts-extended", of: node] {
            return Interrupts(tree: self, value: extended, common: nil)
        }
        guard let value = self["interrupts", of: node], let controller = interruptParent(of: node) else { return nil }
        return Interrupts(tree: self, value: value, common: controller)
    }

    /// The node's interrupt `index`.
    public func interrupt(of node: Node, _ index: Int = 0) -> Interrupt? {
        guard var all = interrupts(of: node) else { return nil }
        var left = index
        while let interrupt = all.next() {
            if left == 0 { return interrupt }
            left -= 1
        }
        return nil
    }

    /// The controller that the node's `interrupts` speak to: by its own or an ancestor's `interrupt-parent`.
    public func interruptParent(of node: Node) -> Node? {
        var current = node
        while true {
            if let phandle = u32("interrupt-parent", of: current) { return self.node(phandle: phandle) }
            guard let parent = parent(of: current) else { return nil }
            // Without an explicit one, the tree's own parent serves where it is a controller.
            if has("interrupt-controller", of: parent) { return parent }
            current = parent
        }
    }
}
