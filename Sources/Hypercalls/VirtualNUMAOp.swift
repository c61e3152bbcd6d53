// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import XenABI

extension Call {
    /// Xen: XENMEM_get_vnumainfo. ENOBUFS, with the sizes, where the caller has less room; EAGAIN where they change meanwhile.
    func virtualNUMA(_ start: UInt64) throws(XenError) -> Outcome {
        try notContinued(start)
        var argument = try platform.guest.read(VNUMATopologyInfo<Caller>.self, at: handle(1))
        guard argument.pad == 0 else { throw .einval }
        let target = try target(argument.domain)
        let nodes = target.pointee.virtualNUMA.withLock { $0?.nodes ?? 0 }
        let ranges = target.pointee.virtualNUMA.withLock { $0?.ranges ?? 0 }
        guard nodes > 0 else { throw .eopnotsupp }
        let vcpus = UInt32(truncatingIfNeeded: target.pointee.vcpuLimit)
        let hasRoom = argument.nrVnodes >= nodes && argument.nrVCPUs >= vcpus && argument.nrVMemRanges >= ranges
        (argument.nrVnodes, argument.nrVCPUs, argument.nrVMemRanges) = (nodes, vcpus, ranges)
        guard hasRoom else {
            try platform.guest.write(argument, at: handle(1))
            throw .enobufs
        }
        let frames = platform.frames
        try list(ranges, at: argument.vmemrange) { index in
            target.pointee.virtualNUMA.withLock { $0?.range(index, frames) }
        }
        try list(nodes * nodes, at: argument.vdistance) { index in
            target.pointee.virtualNUMA.withLock { $0?.distance(index, frames) }
        }
        try list(vcpus, at: argument.vcpuToVnode) { index in
            target.pointee.virtualNUMA.withLock { $0?.node(ofVCPU: index, frames) }
        }
        try platform.guest.write(argument, at: handle(1))
        return .success
    }

    /// Writes the elements of a list.
    private func list<Element: BitwiseCopyable>(
        _ count: UInt32, at handle: Caller.Quad, _ element: (UInt32) -> Element?
    ) throws(XenError) {
        for index in 0..<count {
            guard let element = element(index) else { throw .eagain }
            let offset = UInt64(index) * UInt64(MemoryLayout<Element>.stride)
            try platform.guest.write(element, at: Address(handle.wide &+ offset))
        }
    }

    /// Where a reservation's flags want frames to be. Throws EINVAL for a node that there is not, or that the caller may not ask
    /// for.
    func place(_ flags: MemoryFlags, for target: Ref<Domain<P>>) throws(XenError) -> NodeRequest {
        guard flags.virtualNode else {
            guard isAcceptable(node: flags) else { throw .einval }
            let node = domain.pointee.isPrivileged ? flags.node.map { NUMANode($0) } : nil
            return NodeRequest(node, isExact: flags.exactNode)
        }
        let number = UInt32(flags.node ?? 0xFF)
        let frames = platform.frames
        let physical = target.pointee.virtualNUMA.withLock { numa -> NUMANode?? in
            if numa == nil { return .some(nil) }
            return numa?.physicalNode(of: number, frames)
        }
        guard let physical else { throw .einval }
        return NodeRequest(physical, isExact: flags.exactNode)
    }
}
