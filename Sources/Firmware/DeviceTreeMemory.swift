// SPDX-License-Identifier: Apache-2.0

public import Base

/// Memory, what in it is taken, and how far the nodes are from each other.
extension DeviceTree {
    /// A bank of RAM.
    public struct MemoryRegion: Hashable, Sendable, BitwiseCopyable {
        public let region: Region
        /// `numa-node-id`, where the tree has one.
        public let numaNode: UInt32?
        public var start: MachineAddress { region.start }
        /// In bytes.
        public var size: UInt64 { region.size }
    }

    /// All banks of RAM; empty ones are left out.
    public struct MemoryRegions: ~Escapable {
        let tree: DeviceTree
        var nodes: Children
        var node: Node?
        var index = 0

        @_lifetime(copy tree)
        init(tree: DeviceTree) {
            self.tree = tree
            nodes = tree.children(of: tree.root)
        }

        @_lifetime(self: copy self)
        public mutating func next() -> MemoryRegion? {
            while true {
                if let current = node, let raw = tree.rawRegion(of: current, parent: tree.root, index) {
                    index += 1
                    guard raw.size > 0, let region = Region(start: raw.address, size: raw.size) else { continue }
                    return MemoryRegion(region: region, numaNode: tree.u32("numa-node-id", of: current))
                }
                guard let candidate = nodes.next() else { return nil }
                let isMemory = tree.string("device_type", of: candidate)?.equals("memory") ?? false
                node = isMemory && tree.isAvailable(candidate) ? candidate : nil
                index = 0
            }
        }
    }

    /// Banks of RAM: children of the root with `device_type = "memory"`.
    @_lifetime(copy self)
    public func memoryRegions() -> MemoryRegions { MemoryRegions(tree: self) }

    /// Memory that is in use before the first instruction of ours.
    public struct Reservation: Hashable, Sendable, BitwiseCopyable {
        public let region: Region
        /// Must not even be mapped, as speculative reads would disturb it.
        public let isUnmapped: Bool
    }

    /// The reservation block, then the children of `/reserved-memory` that have a `reg`.
    public struct Reservations: ~Escapable {
        let tree: DeviceTree
        var entry: Int?
        let parent: Node?
        var nodes: Children
        var node: Node?
        var index = 0

        @_lifetime(copy tree)
        init(tree: DeviceTree, block: Int?) {
            self.tree = tree
            entry = block
            parent = tree.child(named: "reserved-memory", of: tree.root)
            // Without that node no child of the root is looked at: `parent` decides.
            nodes = tree.children(of: parent ?? tree.root)
        }

        @_lifetime(self: copy self)
        public mutating func next() -> Reservation? {
            while let at = entry {
                guard let start = tree.bytes.bigEndian64(at: at), let size = tree.bytes.bigEndian64(at: at + 8),
                    start != 0 || size != 0
                else {
                    entry = nil
                    break
                }
                entry = at + 16
                if size > 0, let region = Region(start: start, size: size) {
                    return Reservation(region: region, isUnmapped: false)
                }
            }
            guard parent != nil else { return nil }
            while true {
                if let current = node, index < tree.regionCount(of: current) {
                    index += 1
                    guard let region = tree.region(of: current, index - 1), region.size > 0 else { continue }
                    return Reservation(region: region, isUnmapped: tree.has("no-map", of: current))
                }
                guard let candidate = nodes.next() else { return nil }
                node = tree.isAvailable(candidate) ? candidate : nil
                index = 0
            }
        }
    }

    @_lifetime(copy self)
    public func memoryReservations() -> Reservations { Reservations(tree: self, block: reservations) }

    /// The children of `/reserved-memory` that have a `reg`, without the reservation block.
    @_lifetime(copy self)
    public func reservedMemory() -> Reservations { Reservations(tree: self, block: nil) }

    /// Calls `body(from, to, distance)` for each entry of the NUMA distance map (10: local), if there is one. An entry
    /// holds for both directions unless the map has both (Linux: Documentation/devicetree/bindings/numa.txt).
    public func forEachDistance(_ body: (UInt32, UInt32, UInt32) -> Void) {
        guard let map = first(compatibleWith: "numa-distance-map-v1"), let matrix = self["distance-matrix", of: map] else {
            return
        }
        var index = 0
        while let from = matrix.cell(index), let to = matrix.cell(index + 1), let distance = matrix.cell(index + 2) {
            body(from, to, distance)
            index += 3
        }
    }
}
