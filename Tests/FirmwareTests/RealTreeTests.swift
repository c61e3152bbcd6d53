// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware
import Foundation
import Testing

enum BoardTrees {
    static let directory: URL? = {
        let library = URL(filePath: "../../build/debian/arm32/root/usr/lib", relativeTo: URL(filePath: #filePath))
        let names = (try? FileManager.default.contentsOfDirectory(atPath: library.path)) ?? []
        return names.first { $0.hasPrefix("linux-image-") }.map { library.appending(path: $0) }
    }()
}

/// The trees of boards that Debian's 32-bit ARM kernel package brings: a few hundred, of which the Arndale is one that
/// Xen runs on and no emulator has. They are there once a boot test has fetched the package.
@Suite(.enabled(if: BoardTrees.directory != nil, "needs the linux-image-armmp-lpae package under build/debian"))
struct RealTreeTests {
    static func load(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: try #require(BoardTrees.directory).appending(path: name)))
    }

    @Test func arndale() throws {
        let bytes = try Self.load("exynos5250-arndale.dtb")
        let tree = try DeviceTree(bytes.span)
        let gic = try #require(got(tree.gic()))
        #expect(gic.version == .v2 && gic.distributor == .init(start: 0x1048_1000, size: 0x1000)!)
        #expect(gic.cpuInterface == .init(start: 0x1048_2000, size: 0x2000)!)
        #expect(gic.hypervisorInterface == .init(start: 0x1048_4000, size: 0x2000)!)
        #expect(gic.virtualInterface == .init(start: 0x1048_6000, size: 0x2000)!)
        #expect(gic.maintenance?.id == 25)
        let timer = try #require(got(tree.timer()))
        #expect(timer.virtual?.id == 27 && timer.hypervisor?.id == 26)
        let console = try #require(got(tree.consoleNode()))
        #expect(got(tree.isCompatible(console, with: "samsung,exynos4210-uart")))
        #expect(tree.region(of: console)?.start == MachineAddress(0x12c2_0000))
        var regions = tree.memoryRegions()
        #expect(regions.next()?.region == .init(start: 0x4000_0000, size: 0x8000_0000)!)
        var processors = tree.processors()
        #expect(processors.next()?.mpidr == 0)
        #expect(processors.next()?.mpidr == 1)
        #expect(processors.next() == nil)
    }

    /// Each is read to the end, and its copy says the same.
    @Test func allOfThem() throws {
        let directory = try #require(BoardTrees.directory)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasSuffix(".dtb") }
        #expect(names.count > 100)
        // Every one in turn would take minutes in a debug build.
        for name in names.sorted().enumerated().filter({ $0.offset % 40 == 0 }).map(\.element) {
            let bytes = try Self.load(name)
            let tree = try DeviceTree(bytes.span)
            var buffer = [UInt8](repeating: 0, count: bytes.count + 4096)
            let copy = try write(into: &buffer) { writer in
                writer.begin("")
                writer.copyProperties(of: tree.root, from: tree)
                writer.copyChildren(of: tree.root, from: tree)
                writer.end()
            }
            #expect(flatten(tree) == flatten(try DeviceTree(copy.span)), "\(name)")
        }
    }
}
