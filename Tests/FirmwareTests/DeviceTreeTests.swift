// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware
import Testing

@Suite(.enabled(if: Trees.isInstalled("dtc"), "needs dtc"))
struct DeviceTreeTests {
    let bytes: [UInt8]

    init() throws { bytes = try Trees.fixture("board") }

    @Test func findsByPathWithAndWithoutUnitAndByAlias() throws {
        let tree = try DeviceTree(bytes.span)
        let serial = try #require(got(tree.node(at: "/soc/bus@8000000/serial@1000")))
        #expect(tree.node(at: "/soc/bus/serial") == serial)
        #expect(tree.node(at: "serial0") == serial)
        #expect(tree.node(at: "/") == tree.root)
        #expect(tree.node(at: "/soc/bus@1") == nil)
        #expect(tree.node(at: "loop") == nil)
        #expect(tree.node(at: "") == nil)
        #expect(tree.first(compatibleWith: "arm,primecell") == serial)
        #expect(String(tree.name(of: serial)) == "serial@1000")
        #expect(tree.parent(of: serial) == tree.node(at: "/soc/bus"))
        #expect(tree.parent(of: tree.root) == nil)
    }

    @Test func walksEachNodeOnce() throws {
        let tree = try DeviceTree(bytes.span)
        var seen: [DeviceTree.Node] = []
        var walk = tree.walk()
        while let node = walk.next() { seen.append(node) }
        #expect(Set(seen).count == seen.count)
        func count(_ node: DeviceTree.Node) -> Int {
            var children = tree.children(of: node)
            var sum = 1
            while let child = children.next() {
                #expect(tree.parent(of: child) == node)
                sum += count(child)
            }
            return sum
        }
        #expect(count(tree.root) == seen.count)
        var below = tree.walk(below: try #require(got(tree.node(at: "/cpus"))))
        var cpus = 0
        while below.next() != nil { cpus += 1 }
        #expect(cpus == 5)
    }

    @Test func readsValues() throws {
        let tree = try DeviceTree(bytes.span)
        let psci = try #require(got(tree.node(at: "/psci")))
        #expect(got(tree.isCompatible(psci, with: "arm,psci-0.2")))
        #expect(!got(tree.isCompatible(psci, with: "arm,psci-0")))
        let compatible = try #require(got(tree.property("compatible", of: psci)))
        #expect(tree.value(of: compatible).strings == 2)
        #expect(String(tree.value(of: compatible).string(1)!) == "arm,psci-0.2")
        #expect(tree.u32("#address-cells", of: tree.root) == 2)
        let chosen = try #require(got(tree.node(at: "/chosen")))
        #expect(!got(tree.has("compatible", of: chosen)))
    }

    @Test func translatesAddresses() throws {
        let tree = try DeviceTree(bytes.span)
        func region(_ path: StaticString, _ index: Int = 0) throws -> DeviceTree.Region? {
            tree.region(of: try #require(got(tree.node(at: path))), index)
        }
        #expect(try region("/soc/bus/serial@1000") == .init(start: 0x1800_1000, size: 0x1000))
        #expect(try region("/soc/ethernet") == .init(start: 0x1_0000_0200, size: 0x80))
        // Reaches over the end of the bus's window; on a bus without `ranges`; an entry that is not there.
        #expect(try region("/soc/bus/serial@ff000") == nil)
        #expect(try region("/soc/hidden/device@0") == nil)
        #expect(try region("/soc/ethernet", 1) == nil)
        #expect(tree.regionCount(of: try #require(got(tree.node(at: "/interrupt-controller")))) == 6)
    }

    @Test func resolvesInterrupts() throws {
        let tree = try DeviceTree(bytes.span)
        let device = try #require(got(tree.node(at: "serial0")))
        let serial = try #require(got(tree.interrupt(of: device)?.gic))
        #expect(serial.id == 37 && !serial.isEdge && !serial.isLow)
        let ethernet = try #require(got(tree.node(at: "eth")))
        #expect(tree.interrupt(of: ethernet, 0)?.controller == tree.node(at: "/soc/combiner"))
        #expect(tree.interrupt(of: ethernet, 0)?.gic == nil)
        let edge = try #require(got(tree.interrupt(of: ethernet, 1)?.gic))
        #expect(edge.id == 79 && edge.isEdge)
        #expect(tree.interrupt(of: ethernet, 2) == nil)
        // An SPI number that no GIC has.
        #expect(tree.interrupt(of: try #require(got(tree.node(at: "/soc/bus/serial@ff000"))))?.gic == nil)
    }

    @Test func readsMemoryByNode() throws {
        let tree = try DeviceTree(bytes.span)
        var found: [[UInt64]] = []
        var regions = tree.memoryRegions()
        while let region = regions.next() {
            found.append([region.start.rawValue, region.size, UInt64(region.numaNode ?? 99)])
        }
        #expect(found == [[0x4000_0000, 0x2000_0000, 0], [0x1_0000_0000, 0x2_0000_0000, 0], [0x9_0000_0000, 0x4000_0000, 1]])
        var reserved: [[UInt64]] = []
        var reservations = tree.memoryReservations()
        while let one = reservations.next() {
            reserved.append([one.region.start.rawValue, one.region.size, one.isUnmapped ? 1 : 0])
        }
        #expect(
            reserved == [
                [0x4800_0000, 0x10000, 0], [0x4900_0000, 0x2000, 0], [0x4f00_0000, 0x100000, 1], [0x4fa0_0000, 0x1000, 1],
                [0x4e00_0000, 0x1000, 0],
            ])
        var distances: [[UInt32]] = []
        tree.forEachDistance { distances.append([$0, $1, $2]) }
        #expect(distances == [[0, 0, 10], [0, 1, 20], [1, 1, 10]])
    }

    @Test func readsChosen() throws {
        let tree = try DeviceTree(bytes.span)
        #expect(String(tree.hypervisorArguments()) == "console=dtuart dom0_mem=512M")
        #expect(String(tree.dom0Arguments()) == "console=hvc0")
        #expect(tree.consoleNode() == tree.node(at: "/soc/bus/serial@1000"))
        #expect(String(tree.consoleOptions()) == "115200n8")
        #expect(tree.module(.kernel)?.region == .init(start: 0x6000_0000, size: 0x1234567))
        #expect(tree.module(.ramdisk)?.region == .init(start: 0x7000_0000, size: 0x89))
        var modules = tree.modules()
        var count = 0
        while modules.next() != nil { count += 1 }
        #expect(count == 3)
    }

    @Test func readsProcessors() throws {
        let tree = try DeviceTree(bytes.span)
        var found: [DeviceTree.Processor] = []
        var processors = tree.processors()
        while let processor = processors.next() { found.append(processor) }
        #expect(found.map(\.mpidr) == [0, 1, 0x1_0000_0100])
        #expect(found.map(\.enableMethod) == [.psci, .spinTable(0x1_0000_fff8), .psci])
        #expect(found.map(\.numaNode) == [0, 0, 1])
        #expect(tree.psci()?.conduit == .hvc && tree.psci()?.hasVersion == true)
        let timer = try #require(got(tree.timer()))
        #expect(timer.virtual?.id == 27 && timer.hypervisor?.id == 26 && timer.virtual?.isLow == true)
    }

    @Test func readsGIC() throws {
        let tree = try DeviceTree(bytes.span)
        let gic = try #require(got(tree.gic()))
        #expect(gic.version == .v3 && gic.redistributorRegions == 2 && gic.redistributorStride == 0x40000)
        #expect(gic.distributor == .init(start: 0x2f00_0000, size: 0x10000)!)
        #expect(tree.redistributors(of: gic, 1) == .init(start: 0x2f30_0000, size: 0x80000))
        #expect(tree.redistributors(of: gic, 2) == nil)
        #expect(gic.virtualInterface == .init(start: 0x2c02_f000, size: 0x2000))
        #expect(gic.maintenance?.id == 25)
    }

    @Test func refusesWhatIsNotATree() throws {
        func error(_ change: (inout [UInt8]) -> Void) -> DeviceTreeError? {
            var copy = bytes
            change(&copy)
            do throws(DeviceTreeError) { _ = try DeviceTree(copy.span) } catch { return error }
            return nil
        }
        #expect(error { $0 = [] } == .truncated(has: 0, needs: 40))
        #expect(error { $0.removeLast() } == .truncated(has: bytes.count - 1, needs: bytes.count))
        #expect(error { $0[0] = 0xd1 } == .badMagic(0xd10d_feed))
        #expect(error { $0[23] = 15 } == .unsupportedVersion(15))
        #expect(error { $0[11] |= 1 } == .misplacedBlock)
        #expect(error { $0[4] = 0xff } == .badSize(0xff00_0000 | UInt32(bytes.count)))
        // The last token becomes an unknown one.
        let end = Int(bytes.span.bigEndian32(at: 8)! + bytes.span.bigEndian32(at: 36)!) - 1
        #expect(error { $0[end] = 7 } == .malformed(at: end - 3))
    }

    @Test func salvagesAConsole() throws {
        func console(_ change: (inout [UInt8]) -> Void) -> Bool {
            var copy = bytes + [UInt8](repeating: 0xa5, count: 999)
            change(&copy)
            guard let tree = DeviceTree(salvaging: copy.span) else { return false }
            return got(tree.gic())?.version == .v3
        }
        #expect(console { $0[0] = 0 })
        #expect(console { $0[4] = 0x7f })
        #expect(console { $0[23] = 99 })
        #expect(!console { $0[8] = 0x7f })
        #expect(!console { $0 = Array($0[..<39]) })
    }

    @Test func refusesDeepNesting() throws {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var writer = DeviceTreeWriter(into: buffer.mutableSpan)
        for _ in 0..<33 { writer.begin("n") }
        for _ in 0..<33 { writer.end() }
        _ = try writer.finish()
        #expect(throws: DeviceTreeError.self) { try check(buffer) }
        func check(_ bytes: [UInt8]) throws { _ = try DeviceTree(bytes.span) }
    }
}

@Suite(.enabled(if: Trees.isInstalled("qemu-system-aarch64"), "needs QEMU"))
struct VirtMachineTests {
    @Test(arguments: [2, 3])
    func describesQEMUsMachine(version: Int) throws {
        let bytes = try Trees.virt(
            "virtualization=on,gic-version=\(version)",
            arguments: [
                "-cpu", "cortex-a72", "-smp", "4", "-m", "3G",
                "-object", "memory-backend-ram,id=a,size=2G", "-object", "memory-backend-ram,id=b,size=1G",
                "-numa", "node,memdev=a,cpus=0-1", "-numa", "node,memdev=b,cpus=2-3", "-numa", "dist,src=0,dst=1,val=17",
                "-append", "dom0_mem=1G", "-kernel", "/dev/null",
            ])
        let tree = try DeviceTree(bytes.span)
        let gic = try #require(got(tree.gic()))
        #expect(gic.version == (version == 2 ? .v2 : .v3))
        #expect(gic.distributor.start == MachineAddress(0x800_0000))
        #expect(gic.maintenance?.id == 25)
        #expect(tree.timer()?.virtual?.id == 27)
        #expect(tree.psci()?.conduit == .smc)
        let console = try #require(got(tree.consoleNode()))
        #expect(got(tree.isCompatible(console, with: "arm,pl011")))
        var nodes: [UInt32] = []
        var regions = tree.memoryRegions()
        while let region = regions.next() { nodes.append(region.numaNode ?? 99) }
        #expect(nodes.sorted() == [0, 1])
        var processors = tree.processors()
        var count = 0
        while let processor = processors.next() {
            #expect(processor.mpidr == UInt64(count) && processor.numaNode == UInt32(count / 2))
            count += 1
        }
        #expect(count == 4)
    }
}
