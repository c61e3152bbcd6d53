// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
import Sync
public import XenABI

/// The NUMA nodes that a domain believes to have (Xen: struct vnuma_info), in three frames.
public struct VirtualNUMA: ~Copyable {
    public let nodes: UInt32
    public let ranges: UInt32
    public let vcpus: UInt32
    private let distances: MFN
    private let memory: MFN
    /// Virtual node by vCPU, 32 bits each; from the middle on physical node by virtual node, a byte each.
    private let places: MFN

    /// Physical nodes that there may be at most (Xen: MAX_NUMNODES).
    static var physicalNodes: UInt32 { 64 }

    /// Room for so many. Throws EINVAL where a table would not fit into a page, ENOMEM.
    public init(
        nodes: UInt32, ranges: UInt32, vcpus: UInt32, _ frames: some FrameSource
    ) throws(XenError) {
        let limit = UInt32(pageSize) / UInt32(MemoryLayout<VMemRange<Caller64>>.stride)
        guard nodes > 0, nodes <= UInt32(pageSize) / 4 / nodes, ranges <= limit, vcpus <= 512 else { throw .einval }
        var found = InlineArray<3, MFN>(repeating: .invalid)
        for index in found.indices {
            if let frame = frames.allocate(order: 0, node: nil) { found[index] = frame }
        }
        if found[0] == .invalid || found[1] == .invalid || found[2] == .invalid {
            for index in found.indices where found[index] != .invalid { frames.free(found[index], order: 0) }
            throw .enomem
        }
        (self.nodes, self.ranges, self.vcpus) = (nodes, ranges, vcpus)
        (distances, memory, places) = (found[0], found[1], found[2])
    }

    public consuming func destroy(_ frames: some FrameSource) {
        frames.free(distances, order: 0)
        frames.free(memory, order: 0)
        frames.free(places, order: 0)
    }

    // MARK: Its tables

    /// Distance `index`, row by row. Nil past the last, as the others.
    public func distance(_ index: UInt32, _ frames: some FrameMemory) -> UInt32? {
        index < nodes * nodes ? frames.load(UInt32.self, at: distances.address + UInt64(index) * 4) : nil
    }
    public func range(_ index: UInt32, _ frames: some FrameMemory) -> VMemRange<Caller64>? {
        index < ranges ? frames.load(VMemRange<Caller64>.self, at: memory.address + UInt64(index) * 24) : nil
    }
    public func node(ofVCPU index: UInt32, _ frames: some FrameMemory) -> UInt32? {
        index < vcpus ? frames.load(UInt32.self, at: places.address + UInt64(index) * 4) : nil
    }
    /// The physical node under a virtual one; `.some(nil)` where it is anywhere.
    public func physicalNode(of node: UInt32, _ frames: some FrameMemory) -> NUMANode?? {
        guard node < nodes else { return nil }
        let number = frames.load(UInt8.self, at: places.address + 2048 + UInt64(node))
        return .some(number == 0xFF ? nil : NUMANode(number))
    }

    public func setDistance(_ index: UInt32, _ distance: UInt32, _ frames: some FrameMemory) {
        if index < nodes * nodes { frames.store(distance, at: distances.address + UInt64(index) * 4) }
    }
    /// Throws EINVAL where the range has flags.
    public func setRange(_ index: UInt32, _ range: VMemRange<Caller64>, _ frames: some FrameMemory) throws(XenError) {
        guard range.flags == 0 else { throw .einval }
        if index < ranges { frames.store(range, at: memory.address + UInt64(index) * 24) }
    }
    /// Throws E2BIG where there is no such node.
    public func setNode(ofVCPU index: UInt32, _ node: UInt32, _ frames: some FrameMemory) throws(XenError) {
        guard node < nodes else { throw .e2big }
        if index < vcpus { frames.store(node, at: places.address + UInt64(index) * 4) }
    }
    /// Throws E2BIG where there can be no such node.
    public func setPhysicalNode(of node: UInt32, _ physical: UInt32, _ frames: some FrameMemory) throws(XenError) {
        guard physical < Self.physicalNodes else { throw .e2big }
        if node < nodes {
            frames.store(UInt8(truncatingIfNeeded: physical), at: places.address + 2048 + UInt64(node))
        }
    }
}

extension Domain {
    /// Replaces what the domain believes.
    ///
    /// Xen: the end of XEN_DOMCTL_setvnumainfo
    public func setVirtualNUMA(_ numa: consuming VirtualNUMA?, _ platform: P) {
        var new = numa
        let old = virtualNUMA.withLock { (current: inout VirtualNUMA?) in
            let old = consume current
            current = new.take()
            return old
        }
        old?.destroy(platform.frames)
    }
}
