// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Firmware
import Testing

@testable import DomainBuilder

/// An ELF file of one segment.
private func kernelFile(at start: UInt64, size: UInt64, entry: UInt32? = nil, relocation: [UInt32]? = nil, align: UInt64 = 4) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256)
    func put(_ value: UInt64, _ offset: Int, _ width: Int) {
        for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
    }
    for (value, offset, width) in [
        (0x464c_457f, 0, 4), (0x0102, 4, 2), (62, 18, 2), (64, 32, 8), (56, 54, 2), (2, 56, 2), (1, 64, 4), (7, 68, 4), (start, 88, 8),
        (size, 104, 8), (align, 112, 8), (4, 120, 4), (176, 128, 8), (80, 152, 8),
    ] as [(UInt64, Int, Int)] { put(value, offset, width) }
    var notes: [UInt32] = [4, 4, 18, 0x6e6558, entry ?? UInt32(start)]
    if let relocation { notes += [4, UInt32(relocation.count * 4), 19, 0x6e6558] + relocation }
    for (index, word) in notes.enumerated() { put(UInt64(word), 176 + index * 4, 4) }
    return bytes
}

@Suite struct LoadPlanTests {
    static let mebibyte: UInt64 = 1 << 20

    /// RAM of a PC: ranges in bytes.
    static func memory(_ ranges: [Range<UInt64>]) -> RangeList<GuestSpace> {
        var list = RangeList<GuestSpace>()
        for range in ranges {
            list.insert(GuestRange(start: GFN(range.lowerBound >> pageShift), count: (range.upperBound - range.lowerBound) >> pageShift))
        }
        return list
    }

    /// 640 KiB, and from 1 MiB to 1 GiB.
    static let pc = memory([0..<0xa_0000, 1 << 20..<1 << 30])

    static func plan(
        _ file: [UInt8], in memory: RangeList<GuestSpace> = pc, beside: UInt64 = 0x4000
    ) -> Result<LoadPlan, LoadPlanError> {
        let kernel = try! PVHKernel(file.span)
        do throws(LoadPlanError) {
            return .success(try LoadPlan(kernel, in: memory, beside: beside))
        } catch { return .failure(error) }
    }

    @Test(arguments: [1, 2, 16] as [UInt64]) func asLinked(megabytes: UInt64) throws {
        let start = megabytes << 20
        let plan = try Self.plan(kernelFile(at: start, size: 0x30_0123, entry: UInt32(start) + 0x40)).get()
        #expect(plan.start == start)
        #expect(plan.end == start + 0x30_0123)
        #expect(plan.entry == UInt32(start) + 0x40)
        // What goes with it is above it: there is more room.
        #expect(plan.beside == start + 0x30_1000)
        #expect(plan.address(of: start + 5) == start + 5)
    }

    @Test func besideTheKernel() throws {
        // Below it, where there is more.
        let high = kernelFile(at: 0x3000_0000, size: 0x80_0000)
        #expect(try Self.plan(high).get().beside == 1 << 20)
        // Never below 1 MiB, though there is room.
        let small = Self.memory([0..<0xa_0000, 1 << 20..<2 << 20, 4 << 20..<8 << 20])
        let low = kernelFile(at: 1 << 20, size: 1 << 20)
        #expect(try Self.plan(low, in: small).get().beside == 4 << 20)
        #expect(Self.plan(low, in: small, beside: 4 << 20 | 0x1000) == .failure(.noRoom(4 << 20 | 0x1000)))
        #expect(try Self.plan(low, in: small, beside: 4 << 20).get().beside == 4 << 20)
        // Up to the last page.
        #expect(Self.plan(kernelFile(at: 4 << 20, size: 0x3f_d000), in: small, beside: 0x3000) != .failure(.noRoom(0x3000)))
    }

    @Test func notRelocatable() {
        for (start, size) in [(0x9_0000, 0x2_0000), (0x3fff_f000, 0x1001), (0xc000_0000, 1), (1 << 40, 1)] as [(UInt64, UInt64)] {
            let file = kernelFile(at: start, size: size, entry: UInt32(truncatingIfNeeded: start))
            guard let kernel = try? PVHKernel(file.span) else {
                // An entry is of 32 bits.
                #expect(start >> 32 != 0)
                continue
            }
            #expect(throws: LoadPlanError.notThere) { _ = try LoadPlan(kernel, in: Self.pc, beside: 0x4000) }
        }
    }

    @Test func relocated() throws {
        func place(_ relocation: [UInt32], size: UInt64 = 0x12_3456, align: UInt64 = 4) -> UInt64? {
            let file = kernelFile(at: 0xc000_0000, size: size, entry: 0xc000_0321, relocation: relocation, align: align)
            guard let plan = try? Self.plan(file).get() else { return nil }
            #expect(plan.entry == UInt32(plan.start) + 0x321)
            #expect(plan.end == plan.start + size)
            #expect(plan.address(of: 0xc000_0000 + size) == plan.end)
            #expect(plan.beside < plan.start || plan.beside >= plan.end)
            return plan.start
        }
        // The highest place there is, by 2 MiB, by what the segments ask for, by what the note does.
        #expect(place([]) == 0x3fe0_0000)
        #expect(place([], align: 0x1000) == 0x3fed_c000)
        #expect(place([], align: 0x3000) == 0x3fe0_0000)
        #expect(place([0x100_0000]) == 0x3f00_0000)
        #expect(place([0x1_0000], align: 0x1000) == 0x3fed_0000)
        // Above a minimum, below a maximum.
        #expect(place([0x20_0000, 0x3fe0_0000]) == 0x3fe0_0000)
        #expect(place([0x20_0000, 0x3fe0_0001]) == nil)
        #expect(place([0x20_0000, 0, 0x1ff_ffff]) == 0x1e0_0000)
        #expect(place([0x20_0000, 0, 0x1ff_fffe]) == 0x1e0_0000)
        #expect(place([0x20_0000, 0, 0x5_ffff], size: 0x1000) == nil)
        #expect(place([0x1_0000, 0, 0x5_ffff], size: 0x1000) == 0x5_0000)
        #expect(place([0x20_0000], size: 1 << 30) == nil)
        let limits = PVHKernel.Relocation(alignment: 0x20_0000, minimum: 0x4000_0000)
        #expect(Self.plan(kernelFile(at: 0xc000_0000, size: 4, relocation: [0x20_0000, 0x4000_0000])) == .failure(.nowhere(limits)))
        // Where it is linked to be there is RAM: it stays.
        #expect(try Self.plan(kernelFile(at: 2 << 20, size: 0x5000, relocation: [0x20_0000])).get().start == 2 << 20)
    }
}
