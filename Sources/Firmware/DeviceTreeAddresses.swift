// SPDX-License-Identifier: Apache-2.0

public import Base

/// `reg`, and its translation to addresses that the CPUs use (Devicetree Specification 0.4, 2.3.5 to 2.3.8).
extension DeviceTree {
    /// `size` bytes of the CPUs' address space. `start` + `size` never wraps.
    public struct Region: Hashable, Sendable, BitwiseCopyable {
        public let start: MachineAddress
        /// In bytes; may be 0.
        public let size: UInt64

        /// Nil where the region would wrap around the address space.
        public init?(start: UInt64, size: UInt64) {
            guard !start.addingReportingOverflow(size).overflow else { return nil }
            self.start = MachineAddress(start)
            self.size = size
        }

        /// One past the last byte.
        public var end: MachineAddress { start + size }
    }

    /// Cells of a child's address under `node` (default 2).
    public func addressCells(of node: Node) -> Int { cellCount("#address-cells", of: node) ?? 2 }
    /// Cells of a child's size under `node` (default 1).
    public func sizeCells(of node: Node) -> Int { cellCount("#size-cells", of: node) ?? 1 }

    /// A number of cells, at most 1024: small enough for arithmetic in 32 bits.
    func cellCount(_ name: StaticString, of node: Node) -> Int? { u32(name, of: node).map { Int(min($0, 1024)) } }

    /// Entries in the node's `reg`.
    public func regionCount(of node: Node) -> Int {
        guard let parent = parent(of: node), let reg = self["reg", of: node] else { return 0 }
        let entry = addressCells(of: parent).addingReportingOverflow(sizeCells(of: parent))
        return entry.overflow || entry.partialValue <= 0 ? 0 : reg.cells / entry.partialValue
    }

    /// Entry `index` of the node's `reg`, as the CPUs address it. Nil where there is no such entry, where a bus on the
    /// way up maps nothing to the CPUs, or where a number has more than two cells (PCI).
    ///
    ///     let registers = tree.region(of: uart)
    public func region(of node: Node, _ index: Int = 0) -> Region? {
        guard let parent = parent(of: node), let entry = rawRegion(of: node, parent: parent, index) else { return nil }
        return translate(entry.address, size: entry.size, bus: parent)
    }

    /// Entry `index` of `reg` as it stands, in the parent's address space.
    func rawRegion(of node: Node, parent: Node, _ index: Int) -> (address: UInt64, size: UInt64)? {
        let addressCells = addressCells(of: parent)
        let sizeCells = sizeCells(of: parent)
        guard let reg = self["reg", of: node], addressCells <= 2, sizeCells <= 2, index >= 0, index < reg.cells else {
            return nil
        }
        let at = index * (addressCells + sizeCells)
        guard addressCells > 0, at + addressCells + sizeCells <= reg.cells,
            let address = reg.number(at: at, cells: addressCells),
            let size = reg.number(at: at + addressCells, cells: sizeCells)
        else { return nil }
        return (address, size)
    }

    /// Carries an address on `bus` up to the root through each `ranges`.
    private func translate(_ address: UInt64, size: UInt64, bus start: Node) -> Region? {
        var address = address
        var bus = start
        while let parent = parent(of: bus) {
            // No `ranges`: the bus is not visible to the CPUs. Empty: the same addresses on both sides.
            guard let ranges = self["ranges", of: bus] else { return nil }
            if ranges.cells > 0 {
                guard let mapped = map(address, size: size, through: ranges, bus: bus, parent: parent) else { return nil }
                address = mapped
            }
            bus = parent
        }
        return Region(start: address, size: size)
    }

    private func map(_ address: UInt64, size: UInt64, through ranges: Value, bus: Node, parent: Node) -> UInt64? {
        let childCells = addressCells(of: bus)
        let parentCells = addressCells(of: parent)
        let sizeCells = sizeCells(of: bus)
        guard childCells <= 2, parentCells <= 2, sizeCells <= 2, childCells + parentCells + sizeCells > 0 else { return nil }
        var at = 0
        while at < ranges.cells {
            guard let from = ranges.number(at: at, cells: childCells),
                let to = ranges.number(at: at + childCells, cells: parentCells),
                let length = ranges.number(at: at + childCells + parentCells, cells: sizeCells)
            else { return nil }
            if address >= from, address - from < length, size <= length - (address - from) {
                let sum = to.addingReportingOverflow(address - from)
                return sum.overflow ? nil : sum.partialValue
            }
            at += childCells + parentCells + sizeCells
        }
        return nil
    }
}
