// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Firmware
import VirtualGIC

/// What dom0's device tree says that the host's does not.
public struct Dom0TreePlan: Sendable {
    /// dom0's RAM, by guest frames.
    public var memory = RangeList<GuestSpace>()
    public var vcpus: UInt32 = 1
    public var initrd: GuestRange?
    /// Bytes of the initrd, which need not fill its last frame.
    public var initrdSize: UInt64 = 0
    /// Where the kernel may map grant frames: guest frames without RAM.
    public var grantFrames = GuestRange(start: GFN(0), count: 0)
    /// Private interrupt of event channels, INTID 16 to 31.
    public var eventInterrupt: UInt32 = 31
    /// The GIC's regions as dom0 sees them: distributor first.
    public var gicRegions = InlineArray<2, DeviceTree.Region?>(repeating: nil)
    /// The host's serial port that the hypervisor keeps.
    public var console: DeviceTree.Node?

    public init() {}
}

/// Makes dom0's device tree from the host's: same devices, other processors, memory, interrupt controller and firmware;
/// `/hypervisor` added (Linux: Documentation/devicetree/bindings/arm/xen.txt).
public struct Dom0Tree: ~Escapable {
    let host: DeviceTree
    let plan: Dom0TreePlan

    @_lifetime(copy host)
    public init(host: DeviceTree, plan: Dom0TreePlan) {
        self.host = host
        self.plan = plan
    }

    /// Writes the tree and returns its size in bytes.
    public func write(
        into bytes: consuming MutableSpan<UInt8>, arguments: Span<UInt8>
    ) throws(DeviceTreeWriterError) -> Int {
        var writer = DeviceTreeWriter(into: bytes)
        writer.begin("")
        writer.copyProperties(of: host.root, from: host)
        writeHypervisor(&writer)
        writeMemory(&writer)
        writeProcessors(&writer)
        writeFirmware(&writer)
        writeTimer(&writer)
        writeChosen(&writer, arguments: arguments)
        writeController(&writer)
        // Found once: the whole tree is searched for it.
        let gic = host.gic()
        writer.copyChildren(
            of: host.root, from: host, nodes: { isPassedThrough($0, gic: gic?.node) },
            properties: { gic?.version != .v3 || isWanted($1) })
        writer.end()
        return try writer.finish()
    }

    /// Whether dom0 gets the host's node, with all below it.
    public func isPassedThrough(_ node: DeviceTree.Node, gic: DeviceTree.Node?) -> Bool {
        if node == gic || node == plan.console { return false }
        // The firmware's; dom0 gets one of ours.
        let interfaces: InlineArray<3, StaticString> = ["arm,psci-1.0", "arm,psci-0.2", "arm,psci"]
        for index in interfaces.indices where host.isCompatible(node, with: interfaces[index]) { return false }
        if host.isCompatible(node, with: "arm,armv8-timer") || host.isCompatible(node, with: "arm,armv7-timer") {
            return false
        }
        if host.isCompatible(node, with: "arm,armv8-pmuv3") || host.isCompatible(node, with: "arm,cortex-a15-pmu") {
            return false
        }
        guard node.depth == 1 else { return true }
        if let type = host.string("device_type", of: node), type.equals("memory") { return false }
        let name = host.name(of: node)
        return !(name.equals("cpus") || name.equals("chosen") || name.equals("hypervisor") || name.equals("distance-map"))
    }

    /// A GICv3's ITS is not given to dom0, so nobody may refer to it.
    private func isWanted(_ property: DeviceTree.Property) -> Bool {
        let name = host.name(of: property)
        return !(name.equals("msi-map") || name.equals("msi-parent") || name.equals("msi-map-mask"))
    }

    // MARK: Nodes

    private func writeHypervisor(_ writer: inout DeviceTreeWriter) {
        writer.begin("hypervisor")
        writer.property("compatible", strings: ["xen,xen-4.17", "xen,xen"])
        writeRegion(&writer, plan.grantFrames.start.address.rawValue, plan.grantFrames.count << pageShift)
        if let gic = host.gic(), let phandle = host.phandle(of: gic.node) {
            writer.property("interrupt-parent", u32: phandle)
        }
        // PPI, level low, of every processor (Xen: DT_IRQ_TYPE_LEVEL_LOW).
        writer.property("interrupts", cells: [1, plan.eventInterrupt - 16, 0xf08])
        writer.end()
    }

    /// `reg` with as many cells as the root prescribes.
    private func writeRegion(_ writer: inout DeviceTreeWriter, _ start: UInt64, _ size: UInt64) {
        let addresses = host.addressCells(of: host.root)
        let sizes = host.sizeCells(of: host.root)
        if addresses == 2, sizes == 2 {
            writer.property("reg", u64s: [start, size])
        } else if addresses == 1, sizes == 1 {
            writer.property("reg", cells: [UInt32(truncatingIfNeeded: start), UInt32(truncatingIfNeeded: size)])
        } else {
            writer.property(
                "reg",
                cells: [
                    UInt32(truncatingIfNeeded: start >> 32), UInt32(truncatingIfNeeded: start),
                    UInt32(truncatingIfNeeded: size),
                ])
        }
    }

    private func writeMemory(_ writer: inout DeviceTreeWriter) {
        var index = 0
        while index < plan.memory.count {
            let start = plan.memory[index].range.start
            var end = plan.memory[index].range.end
            index += 1
            while index < plan.memory.count, plan.memory[index].range.start == end {
                end = plan.memory[index].range.end
                index += 1
            }
            writer.begin("memory", unit: start.address.rawValue)
            writer.property("device_type", string: "memory")
            writeRegion(&writer, start.address.rawValue, end.address.rawValue - start.address.rawValue)
            writer.end()
        }
        writeReserved(&writer)
    }

    /// What `/reserved-memory` names is memory to dom0 too (Xen: make_memory_node of bootinfo.reserved_mem): a kernel takes a region
    /// outside of all memory for a mistake.
    private func writeReserved(_ writer: inout DeviceTreeWriter) {
        var reserved = host.reservedMemory()
        while let region = reserved.next()?.region {
            writer.begin("memory", unit: region.start.rawValue)
            writer.property("device_type", string: "memory")
            writeRegion(&writer, region.start.rawValue, region.size)
            writer.end()
        }
    }

    private func writeProcessors(_ writer: inout DeviceTreeWriter) {
        var processors = host.processors()
        let model = processors.next()
        writer.begin("cpus")
        writer.property("#address-cells", u32: 1)
        writer.property("#size-cells", u32: 0)
        for number in 0..<plan.vcpus {
            let affinity = GICVersion.affinity(of: VCPUID(number))
            writer.begin("cpu", unit: affinity)
            if let node = model?.node, let compatible = host["compatible", of: node] {
                writer.property("compatible", compatible.bytes)
            }
            writer.property("device_type", string: "cpu")
            writer.property("reg", u32: UInt32(truncatingIfNeeded: affinity))
            writer.property("enable-method", string: "psci")
            writer.end()
        }
        writer.end()
    }

    private func writeFirmware(_ writer: inout DeviceTreeWriter) {
        writer.begin("psci")
        writer.property("compatible", strings: ["arm,psci-1.0", "arm,psci-0.2", "arm,psci"])
        writer.property("method", string: "hvc")
        writer.property("cpu_off", u32: 0x8400_0002)
        writer.property("cpu_on", u32: 0xc400_0003)
        writer.end()
    }

    /// The host's timer without the interrupt of EL2's own.
    private func writeTimer(_ writer: inout DeviceTreeWriter) {
        guard let timer = host.timer() else { return }
        writer.begin("timer")
        if let compatible = host["compatible", of: timer.node] { writer.property("compatible", compatible.bytes) }
        if let interrupts = host["interrupts", of: timer.node] {
            writer.property("interrupts", interrupts.bytes.extracting(..<min(36, interrupts.bytes.count)))
        }
        if let parent = host["interrupt-parent", of: timer.node] { writer.property("interrupt-parent", parent.bytes) }
        if let frequency = timer.frequency { writer.property("clock-frequency", u32: frequency) }
        if host.has("always-on", of: timer.node) { writer.property("always-on") }
        writer.end()
    }

    private func writeChosen(_ writer: inout DeviceTreeWriter, arguments: Span<UInt8>) {
        writer.begin("chosen")
        writer.property("bootargs", string: arguments)
        if let initrd = plan.initrd {
            writer.property("linux,initrd-start", u64: initrd.start.address.rawValue)
            writer.property("linux,initrd-end", u64: initrd.start.address.rawValue + plan.initrdSize)
        }
        if let seed = host.chosen("rng-seed") { writer.property("rng-seed", seed.bytes) }
        if let seed = host.chosen("kaslr-seed") { writer.property("kaslr-seed", seed.bytes) }
        writer.end()
    }

    /// The interrupt controller with the regions that dom0 sees. A GICv2m frame goes through; an ITS does not.
    private func writeController(_ writer: inout DeviceTreeWriter) {
        guard let gic = host.gic() else { return }
        writer.begin(host.name(of: gic.node))
        writer.copyProperties(of: gic.node, from: host) { property in
            let name = host.name(of: property)
            return
                !(name.equals("reg") || name.equals("interrupts") || name.equals("#redistributor-regions")
                || name.equals("redistributor-stride"))
        }
        if let first = plan.gicRegions[0], let second = plan.gicRegions[1] {
            if host.addressCells(of: host.root) == 2 {
                writer.property(
                    "reg", u64s: [first.start.rawValue, first.size, second.start.rawValue, second.size])
            } else {
                writer.property(
                    "reg",
                    cells: [
                        UInt32(truncatingIfNeeded: first.start.rawValue), UInt32(truncatingIfNeeded: first.size),
                        UInt32(truncatingIfNeeded: second.start.rawValue), UInt32(truncatingIfNeeded: second.size),
                    ])
            }
        }
        writer.copyChildren(of: gic.node, from: host, nodes: { host.isCompatible($0, with: "arm,gic-v2m-frame") })
        writer.end()
    }
}
