// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

@Suite struct DeviceTreeWriterTests {
    @Test func writesWhatIsReadBack() throws {
        var buffer = [UInt8](repeating: 0xff, count: 2048)
        var writer = DeviceTreeWriter(into: buffer.mutableSpan)
        writer.reserve(start: 0x4000_0000, size: 0x1000)
        writer.begin("")
        writer.property("#address-cells", u32: 2)
        writer.property("#size-cells", u32: 2)
        writer.property("compatible", strings: ["linux,dummy-virt", "arm,generic"])
        writer.begin("memory", unit: 0x1_4000_0000)
        writer.property("device_type", string: "memory")
        writer.property("reg", u64s: [0x1_4000_0000, 0x2000_0000])
        writer.end()
        writer.begin("intc", unit: 0)
        writer.property("compatible", string: "arm,gic-v3")
        writer.property("interrupt-controller")
        writer.property("reg", cells: [0, 0x800_0000, 0, 0x10000])
        writer.property("value", u64: 0x1122_3344_5566_7788)
        writer.end()
        writer.end()
        let size = try writer.finish()
        buffer.removeSubrange(size...)

        let tree = try DeviceTree(buffer.span)
        var regions = tree.memoryRegions()
        #expect(regions.next()?.region == .init(start: 0x1_4000_0000, size: 0x2000_0000))
        #expect(tree.node(at: "/memory@140000000") != nil)
        let gic = try #require(got(tree.node(at: "/intc@0")))
        #expect(got(tree.has("interrupt-controller", of: gic)))
        #expect(tree.region(of: gic) == .init(start: 0x800_0000, size: 0x10000))
        #expect(tree["value", of: gic]?.u64 == 0x1122_3344_5566_7788)
        #expect(tree["compatible", of: tree.root]?.strings == 2)
        var reservations = tree.memoryReservations()
        #expect(reservations.next()?.region == .init(start: 0x4000_0000, size: 0x1000))
        #expect(reservations.next() == nil)
    }

    @Test(.enabled(if: Trees.isInstalled("dtc"), "needs dtc"))
    func copiesATreeWithoutLoss() throws {
        let bytes = try Trees.fixture("board")
        let host = try DeviceTree(bytes.span)
        var buffer = [UInt8](repeating: 0, count: bytes.count + 64)
        let copy = try write(into: &buffer) { writer in
            writer.begin("")
            writer.copyProperties(of: host.root, from: host)
            writer.copyChildren(of: host.root, from: host)
            writer.end()
        }
        let tree = try DeviceTree(copy.span)
        #expect(flatten(host) == flatten(tree))
    }

    @Test(.enabled(if: Trees.isInstalled("dtc"), "needs dtc"))
    func leavesOutWhatIsRefused() throws {
        let bytes = try Trees.fixture("board")
        let host = try DeviceTree(bytes.span)
        let hidden = host.node(at: "/soc/bus")
        var buffer = [UInt8](repeating: 0, count: 8192)
        let copy = try write(into: &buffer) { writer in
            writer.begin("")
            writer.copyChildren(
                of: host.root, from: host, nodes: { $0 != hidden },
                properties: { !host.name(of: $1).equals("status") })
            writer.end()
        }
        let expected = flatten(host).filter {
            !$0.hasPrefix("//soc/bus@8000000") && !$0.contains(":status=") && ($0 == "/:" || !$0.hasPrefix("/:"))
        }
        #expect(flatten(try DeviceTree(copy.span)) == expected)
    }

    @Test func saysWhenItIsFull() throws {
        // Whatever the capacity, writing ends with a tree or with an error.
        var smallest = Int.max
        for capacity in 0..<400 {
            var buffer = [UInt8](repeating: 0, count: capacity)
            do throws(DeviceTreeWriterError) {
                var writer = DeviceTreeWriter(into: buffer.mutableSpan)
                writer.reserve(start: 1, size: 2)
                writer.begin("")
                for index in 0..<4 {
                    writer.begin("node", unit: UInt64(index))
                    writer.property("reg", u32: 1)
                    writer.property("compatible", string: "something")
                    writer.end()
                }
                writer.end()
                smallest = min(smallest, try writer.finish())
            } catch {
                #expect(error == .full(capacity: capacity))
                #expect(smallest == .max)
                continue
            }
            #expect(throws: Never.self) { try self.check(buffer) }
        }
        #expect(smallest < 400)
    }

    @Test func refusesUnbalancedTrees() {
        func error(_ write: (inout DeviceTreeWriter) -> Void) -> DeviceTreeWriterError? {
            var buffer = [UInt8](repeating: 0, count: 512)
            var writer = DeviceTreeWriter(into: buffer.mutableSpan)
            write(&writer)
            do throws(DeviceTreeWriterError) { _ = try writer.finish() } catch { return error }
            return nil
        }
        #expect(error { _ in } == .unbalanced)
        #expect(error { $0.begin("") } == .unbalanced)
        #expect(error { $0.end() } == .unbalanced)
        #expect(error { $0.property("x") } == .unbalanced)
        #expect(error { $0.begin(""); $0.end(); $0.begin(""); $0.end() } == .unbalanced)
        #expect(error { $0.begin(""); $0.reserve(start: 0, size: 1); $0.end() } == .unbalanced)
        #expect(error { $0.begin(""); $0.end() } == nil)
    }

    private func check(_ bytes: [UInt8]) throws { _ = try DeviceTree(bytes.span) }
}

/// Runs `body` on a writer over `buffer` and returns the tree's bytes.
func write(into buffer: inout [UInt8], _ body: (inout DeviceTreeWriter) -> Void) throws -> [UInt8] {
    var writer = DeviceTreeWriter(into: buffer.mutableSpan)
    body(&writer)
    let size = try writer.finish()
    return Array(buffer[..<size])
}

/// Every property of a tree as `path:name=bytes`.
func flatten(_ tree: DeviceTree) -> [String] {
    var lines: [String] = []
    var paths: [String] = []
    var walk = tree.walk()
    while let node = walk.next() {
        paths.removeLast(paths.count - Int(node.depth))
        paths.append((paths.last ?? "") + "/" + String(tree.name(of: node)))
        lines.append(paths.last! + ":")
        var properties = tree.properties(of: node)
        while let property = properties.next() {
            let value = tree.value(of: property).bytes
            lines.append("\(paths.last!):\(String(tree.name(of: property)))=\(value.indices.map { value[$0] })")
        }
    }
    return lines
}
