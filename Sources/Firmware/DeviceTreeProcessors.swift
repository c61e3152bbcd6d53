// SPDX-License-Identifier: Apache-2.0

/// `/cpus`, PSCI, the architected timer and the GIC.
extension DeviceTree {
    /// How a CPU is started.
    public enum EnableMethod: Hashable, Sendable, BitwiseCopyable {
        /// The tree does not say.
        case none
        case psci
        /// A word in memory that the CPU watches; its address.
        case spinTable(UInt64)
        case other
    }

    /// One CPU.
    public struct Processor: Hashable, Sendable, BitwiseCopyable {
        /// Its affinity, as in MPIDR_EL1 (bits 39:32 and 23:0).
        public let mpidr: UInt64
        public let enableMethod: EnableMethod
        /// `numa-node-id`, where the tree has one.
        public let numaNode: UInt32?
        public let node: Node
    }

    /// The CPUs that may be used, in the tree's order. The boot CPU is the one whose `mpidr` it reads from itself.
    public struct Processors: ~Escapable {
        let tree: DeviceTree
        let parent: Node?
        var nodes: Children

        @_lifetime(copy tree)
        init(tree: DeviceTree) {
            self.tree = tree
            parent = tree.child(named: "cpus", of: tree.root)
            nodes = tree.children(of: parent ?? tree.root)
        }

        @_lifetime(self: copy self)
        public mutating func next() -> Processor? {
            guard let parent else { return nil }
            while let node = nodes.next() {
                guard tree.string("device_type", of: node)?.equals("cpu") ?? false, tree.isUsable(processor: node),
                    let mpidr = tree["reg", of: node]?.number(at: 0, cells: tree.addressCells(of: parent))
                else { continue }
                return Processor(
                    mpidr: mpidr, enableMethod: tree.enableMethod(of: node, parent: parent),
                    numaNode: tree.u32("numa-node-id", of: node), node: node)
            }
            return nil
        }
    }

    @_lifetime(copy self)
    public func processors() -> Processors { Processors(tree: self) }

    /// A CPU that is "disabled" but has a way to be started is merely off.
    private func isUsable(processor node: Node) -> Bool {
        if isAvailable(node) { return true }
        return (string("status", of: node)?.equals("disabled") ?? false) && has("enable-method", of: node)
    }

    /// On 32-bit trees the method may stand in `/cpus`.
    private func enableMethod(of node: Node, parent: Node) -> EnableMethod {
        guard let property = property("enable-method", of: node) ?? property("enable-method", of: parent) else {
            return .none
        }
        let method = value(of: property)
        if method.contains("psci") { return .psci }
        if method.contains("spin-table"), let address = self["cpu-release-addr", of: node]?.u64 {
            return .spinTable(address)
        }
        return .other
    }

    /// The instruction by which PSCI is called.
    public enum Conduit: Sendable, BitwiseCopyable {
        case smc, hvc
    }

    /// The firmware's power interface (ARM DEN 0022).
    public struct PSCI: Hashable, Sendable, BitwiseCopyable {
        public let conduit: Conduit
        /// From 0.2 on the function numbers are fixed and PSCI_VERSION may be asked.
        public let hasVersion: Bool
        /// `cpu_on` of a 0.1 node.
        public let cpuOn: UInt32?
    }

    /// Nil where there is no PSCI node, or one without a method that we know.
    public func psci() -> PSCI? {
        let modern = first(compatibleWith: "arm,psci-1.0") ?? first(compatibleWith: "arm,psci-0.2")
        guard let node = modern ?? first(compatibleWith: "arm,psci"), let method = string("method", of: node) else {
            return nil
        }
        guard method.equals("smc") || method.equals("hvc") else { return nil }
        return PSCI(
            conduit: method.equals("smc") ? .smc : .hvc, hasVersion: modern != nil, cpuOn: u32("cpu_on", of: node))
    }

    /// The architected timer's interrupts.
    public struct Timer: Hashable, Sendable, BitwiseCopyable {
        public let node: Node
        public let securePhysical, physical, virtual, hypervisor: GICInterrupt?
        /// Hz, where firmware left CNTFRQ_EL0 unset.
        public let frequency: UInt32?
    }

    public func timer() -> Timer? {
        guard let node = first(compatibleWith: "arm,armv8-timer") ?? first(compatibleWith: "arm,armv7-timer") else {
            return nil
        }
        func number(_ index: Int) -> GICInterrupt? { interrupt(of: node, index)?.gic }
        return Timer(
            node: node, securePhysical: number(0), physical: number(1), virtual: number(2), hypervisor: number(3),
            frequency: u32("clock-frequency", of: node))
    }

    /// The interrupt controller.
    public struct GIC: Hashable, Sendable, BitwiseCopyable {
        public enum Version: Sendable, BitwiseCopyable { case v2, v3 }

        public let version: Version
        public let node: Node
        public let distributor: Region
        /// GICv3: how many entries of `reg` after the distributor are redistributor regions; 0 on v2.
        public let redistributorRegions: Int
        /// GICv3: bytes from one redistributor to the next, where the tree says (`redistributor-stride`).
        public let redistributorStride: UInt64?
        /// GICC, GICH and GICV; always there on v2 with virtualisation, optional on v3.
        public let cpuInterface, hypervisorInterface, virtualInterface: Region?
        /// The maintenance interrupt (normally PPI 9, INTID 25).
        public let maintenance: GICInterrupt?
    }

    /// The names under which GICv2s with virtualisation stand in trees.
    private static var gicV2Names: InlineArray<5, StaticString> {
        ["arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a7-gic", "arm,gic-v2", "qcom,msm-qgic2"]
    }

    /// The GIC; nil where none of a known kind is there.
    public func gic() -> GIC? {
        if let node = first(compatibleWith: "arm,gic-v3") { return gic(v3: node) }
        let names = Self.gicV2Names
        for index in names.indices {
            if let node = first(compatibleWith: names[index]) { return gic(v2: node) }
        }
        return nil
    }

    /// Redistributor region `index` of a GICv3.
    public func redistributors(of gic: GIC, _ index: Int) -> Region? {
        index >= 0 && index < gic.redistributorRegions ? region(of: gic.node, 1 + index) : nil
    }

    private func gic(v2 node: Node) -> GIC? {
        guard let distributor = region(of: node) else { return nil }
        return GIC(
            version: .v2, node: node, distributor: distributor, redistributorRegions: 0, redistributorStride: nil,
            cpuInterface: region(of: node, 1), hypervisorInterface: region(of: node, 2),
            virtualInterface: region(of: node, 3), maintenance: interrupt(of: node)?.gic)
    }

    private func gic(v3 node: Node) -> GIC? {
        guard let distributor = region(of: node) else { return nil }
        let regions = Int(min(u32("#redistributor-regions", of: node) ?? 1, 1024))
        var stride: UInt64?
        if let value = self["redistributor-stride", of: node] { stride = value.number(at: 0, cells: min(value.cells, 2)) }
        return GIC(
            version: .v3, node: node, distributor: distributor, redistributorRegions: regions,
            redistributorStride: stride,
            cpuInterface: region(of: node, 1 + regions), hypervisorInterface: region(of: node, 2 + regions),
            virtualInterface: region(of: node, 3 + regions), maintenance: interrupt(of: node)?.gic)
    }
}
