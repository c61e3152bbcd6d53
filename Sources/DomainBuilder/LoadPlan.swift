// SPDX-License-Identifier: Apache-2.0

import Base
public import Containers
public import Firmware

/// Why a kernel and what goes with it do not fit into a domain's memory.
public enum LoadPlanError: Error, Equatable, Sendable {
    /// There is no RAM where the kernel is linked to be, and it runs nowhere else.
    case notThere
    /// Nor where else it may be.
    case nowhere(PVHKernel.Relocation)
    /// No room for as many bytes beside the kernel.
    case noRoom(UInt64)
}

/// Where a PVH kernel goes in a domain's memory, and where its initrd and all it is told (Xen: pvh_load_kernel).
public struct LoadPlan: Hashable, Sendable, BitwiseCopyable {
    /// Guest physical address of the kernel's first byte and of the one after its last, each as linked and as loaded.
    public let linked: UInt64
    public let start: UInt64
    public let end: UInt64
    /// Of its first instruction.
    public let entry: UInt32
    /// The first of `size` bytes beside it: a page boundary at or above 1 MiB.
    public let beside: UInt64

    /// - Parameters:
    ///   - memory: the domain's RAM.
    ///   - size: bytes beside the kernel, whole pages.
    public init<Space>(_ kernel: borrowing PVHKernel, in memory: RangeList<Space>, beside size: UInt64) throws(LoadPlanError)
    {
        let length = kernel.end - kernel.start
        linked = kernel.start
        start = try Self.place(for: kernel, length, in: memory)
        end = start + length
        entry = UInt32(truncatingIfNeeded: UInt64(kernel.entry) &- linked &+ start)
        guard let beside = Self.gap(size, beside: start, end, in: memory) else { throw .noRoom(size) }
        self.beside = beside
    }

    /// Where a segment goes that is linked to be at `address`.
    public func address(of address: UInt64) -> UInt64 { address - linked + start }

    private static func place<Space>(
        for kernel: borrowing PVHKernel, _ length: UInt64, in memory: RangeList<Space>
    ) throws(LoadPlanError) -> UInt64 {
        for index in 0..<memory.count {
            let range = memory[index].range
            if range.start.address.rawValue <= kernel.start, kernel.end <= range.end.address.rawValue { return kernel.start }
        }
        guard let relocation = kernel.relocation else { throw .notThere }
        guard let place = highest(relocation, kernel.alignment, length, in: memory) else { throw .nowhere(relocation) }
        return place
    }

    /// The highest place that the kernel allows (Xen: find_kernel_memory).
    private static func highest<Space>(
        _ relocation: PVHKernel.Relocation, _ segments: UInt64, _ length: UInt64, in memory: RangeList<Space>
    ) -> UInt64? {
        let own = segments >= pageSize && segments.nonzeroBitCount == 1 ? segments : 2 << 20
        let alignment = relocation.alignment.map { UInt64($0) } ?? own
        for index in (0..<memory.count).reversed() {
            let range = memory[index].range
            let end = min(range.end.address.rawValue, UInt64(relocation.maximum) + 1)
            guard end >= length else { continue }
            let place = alignedDown(end - length, to: alignment)
            if place > 0, place >= range.start.address.rawValue, place >= UInt64(relocation.minimum) { return place }
        }
        return nil
    }

    /// Room in the lowest range that has it, not below 1 MiB, where firmware has its data; in the range that has the kernel on the
    /// side where there is more (Xen: find_memory).
    private static func gap<Space>(
        _ size: UInt64, beside start: UInt64, _ end: UInt64, in memory: RangeList<Space>
    ) -> UInt64? {
        let kernelStart = alignedDown(start, to: pageSize)
        guard let kernelEnd = alignedUp(end, to: pageSize) else { return nil }
        for index in 0..<memory.count {
            var first = max(memory[index].range.start.address.rawValue, 1 << 20)
            var last = memory[index].range.end.address.rawValue
            if kernelStart < last, first < kernelEnd {
                if kernelStart > first, kernelStart - first > last - min(kernelEnd, last) {
                    last = kernelStart
                } else {
                    first = kernelEnd
                }
            }
            if last >= first, last - first >= size { return first }
        }
        return nil
    }
}
