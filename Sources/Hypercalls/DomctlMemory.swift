// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import P2M
import Sync
import Synchronization
import XenABI

/// A domain's memory, as its toolstack sets and copies it.
extension Call {
    /// Xen: XEN_DOMCTL_shadow_op, with nested paging.
    func shadowOp(_ target: Ref<Domain<P>>) throws(XenError) -> Outcome {
        guard platform.memoryFeatures.contains(.logsWrites) else { throw .enosys }
        var argument = try payload(DomctlShadowOp.self)
        guard target != domain, target.pointee.vcpu(VCPUID(0)) != nil else { throw .einval }
        guard target.pointee.isAlive else { return .success }
        var operation = ShadowOp(rawValue: argument.operation)
        if operation == .enable && argument.mode & DomctlShadowOp.enableLogDirty != 0 { operation = .enableLogDirty }
        let unfinished = target.pointee.loggingPass.withLock { $0.operation }
        guard unfinished == nil || unfinished == operation || operation == .getAllocation else { throw .ebusy }
        switch operation {
        case .enableLogDirty: return try enableLog(target)
        case .off: return disableLog(target)
        case .clean, .peek:
            guard argument.mode & ~DomctlShadowOp.final == 0 else { throw .einval }
            return try copyLog(&argument, of: target, cleaning: operation == .clean)
        case .setAllocation:
            let outcome = try setPagingPool(UInt64(argument.mebibytes) << 20, of: target)
            guard outcome == .success else { return outcome }
        case .getAllocation:
            let bytes = target.pointee.pagingPoolSize
            argument.mebibytes = UInt32(truncatingIfNeeded: (bytes &+ (1 << 20 - 1)) >> 20)
        case .enable, nil: throw .einval
        }
        try writePayload(argument)
        return .success
    }

    private var again: Outcome { .again(first: arguments[0]) }

    /// What is set aside for a domain's page tables. Xen on x86 keeps what tables have already; on ARM it says so.
    func setPagingPool(_ bytes: UInt64, of target: Ref<Domain<P>>) throws(XenError) -> Outcome {
        let mayKeep = platform.memoryFeatures.contains(.logsWrites)
        return try target.pointee.setPagingPool(bytes, mayKeep: mayKeep, platform) ? .success : again
    }

    private func enableLog(_ target: Ref<Domain<P>>) throws(XenError) -> Outcome {
        var pass = target.pointee.loggingPass.withLock { $0 }
        if pass.operation == nil { try target.pointee.beginLog() }
        do throws(XenError) {
            while let next = try target.pointee.protectForLog(from: GFN(pass.place), platform) {
                pass = LoggingPass(operation: .enableLogDirty, place: next.rawValue)
                guard platform.shouldPreempt else { continue }
                target.pointee.loggingPass.withLock { $0 = pass }
                return again
            }
        } catch {
            target.pointee.loggingPass.withLock { $0 = LoggingPass() }
            throw error
        }
        target.pointee.loggingPass.withLock { $0 = LoggingPass() }
        return .success
    }

    private func disableLog(_ target: Ref<Domain<P>>) -> Outcome {
        guard target.pointee.isLoggingWrites else { return .success }
        var place = target.pointee.loggingPass.withLock { $0.place }
        while let next = target.pointee.endLog(from: GFN(place), platform) {
            place = next.rawValue
            guard platform.shouldPreempt else { continue }
            target.pointee.loggingPass.withLock { $0 = LoggingPass(operation: .off, place: place) }
            return again
        }
        target.pointee.loggingPass.withLock { $0 = LoggingPass() }
        return .success
    }

    /// Copies the bitmap, 4096 frames at a time. Where nothing is logged, nothing is written.
    private func copyLog(
        _ argument: inout DomctlShadowOp, of target: Ref<Domain<P>>, cleaning: Bool
    ) throws(XenError) -> Outcome {
        let operation: ShadowOp = cleaning ? .clean : .peek
        var place = target.pointee.loggingPass.withLock { $0.place }
        // What the statistics say is what was marked when the call began.
        argument.dirtyCount = UInt32(truncatingIfNeeded: min(target.pointee.dirtyMarks, UInt64(UInt32.max)))
        argument.faultCount = 0
        do throws(XenError) {
            while place < argument.pages {
                try copyLog(argument, from: place, of: target, cleaning: cleaning)
                place &+= min(4096, argument.pages - place)
                guard place < argument.pages, platform.shouldPreempt else { continue }
                target.pointee.loggingPass.withLock { $0 = LoggingPass(operation: operation, place: place) }
                return again
            }
        } catch {
            target.pointee.loggingPass.withLock { $0 = LoggingPass() }
            throw error
        }
        target.pointee.loggingPass.withLock { $0 = LoggingPass() }
        if cleaning { target.pointee.forgetDirtyMarks() }
        try writePayload(argument)
        return .success
    }

    private func copyLog(
        _ argument: DomctlShadowOp, from place: UInt64, of target: Ref<Domain<P>>, cleaning: Bool
    ) throws(XenError) {
        let start = GFN(place)
        let bits = try target.pointee.takeDirty(start, cleaning: cleaning, platform)
        guard argument.bitmap != 0 else { return }
        let bytes = Int((min(4096, argument.pages - place) + 7) / 8)
        do throws(XenError) {
            let buffer = argument.bitmap &+ place / 8
            for index in 0..<bytes / 8 { try platform.guest.write(bits[index], at: Address(buffer &+ UInt64(index) * 8)) }
            for index in bytes & ~7..<bytes {
                let byte = UInt8(truncatingIfNeeded: bits[index / 8] >> UInt64(index % 8 * 8))
                try platform.guest.write(byte, at: Address(buffer &+ UInt64(index)))
            }
        } catch {
            // Nobody has learnt of them: they stay written.
            if cleaning { target.pointee.restoreDirty(start, bits) }
            throw error
        }
    }

    /// Xen: XEN_DOMCTL_setvnumainfo
    func setVirtualNUMA(_ target: Ref<Domain<P>>) throws(XenError) {
        let argument = try payload(DomctlVnuma.self)
        guard argument.nrVcpus == UInt32(truncatingIfNeeded: target.pointee.vcpuLimit), argument.pad == 0 else {
            throw .einval
        }
        let frames = platform.frames
        let numa = try VirtualNUMA(nodes: argument.nrVnodes, ranges: argument.nrVmemranges, vcpus: argument.nrVcpus, frames)
        do throws(XenError) {
            try fill(numa, argument)
        } catch {
            numa.destroy(frames)
            throw error
        }
        target.pointee.setVirtualNUMA(numa, platform)
    }

    private func fill(_ numa: borrowing VirtualNUMA, _ argument: DomctlVnuma) throws(XenError) {
        let frames = platform.frames
        for index in 0..<numa.nodes * numa.nodes {
            numa.setDistance(index, try element(argument.vdistance, index), frames)
        }
        // Flags that there are not are told last, as with Xen.
        var hasFlags = false
        for index in 0..<numa.ranges {
            var range: VMemRange<Caller64> = try element(argument.vmemrange, index)
            if range.flags != 0 { hasFlags = true }
            range.flags = 0
            try numa.setRange(index, range, frames)
        }
        for index in 0..<numa.vcpus { try numa.setNode(ofVCPU: index, element(argument.vcpuToVnode, index), frames) }
        for index in 0..<numa.nodes { try numa.setPhysicalNode(of: index, element(argument.vnodeToPnode, index), frames) }
        if hasFlags { throw .einval }
    }

    private func element<Value: BitwiseCopyable>(_ handle: UInt64, _ index: UInt32) throws(XenError) -> Value {
        try platform.guest.read(
            Value.self, at: Address(handle &+ UInt64(index) &* UInt64(MemoryLayout<Value>.stride)))
    }
}
