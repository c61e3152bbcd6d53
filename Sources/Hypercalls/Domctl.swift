// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import Synchronization
import XenABI

/// Where the union of a domctl begins.
let domctlPayload: UInt64 = 16

extension Call {
    /// Xen: __HYPERVISOR_domctl. The toolstack makes, shows, runs and ends domains. Whatever an operation needs, all of the
    /// structure must be readable.
    func domctl() throws(XenError) -> Outcome {
        let header = try platform.guest.read(DomctlHeader.self, at: handle(0))
        // The structure lies in two frames at most.
        _ = try platform.guest.read(UInt8.self, at: handle(0) + (domctlPayload + UInt64(Domctl.payloadSize) - 1))
        guard header.interfaceVersion == Domctl.interfaceVersion else { throw .eacces }
        let operation = Domctl(rawValue: header.command)
        if operation == .getDomainInfo { return try domctl(operation, header, domain) }
        // A new domain is not there yet, and one to be shown may be the next.
        guard operation == .createDomain || platform.domain(DomainID(header.domain)) != nil else { throw .esrch }
        guard domain.pointee.isPrivileged else { throw .eperm }
        let outcome = try platform.directory.pointee.withControl { () throws(XenError) -> Outcome in
            // Looked up again: meanwhile it may have gone.
            let target = operation == .createDomain ? domain : platform.domain(DomainID(header.domain))
            guard let target else { throw .esrch }
            return try domctl(operation, header, target)
        }
        return outcome ?? .again(first: arguments[0])
    }

    private func domctl(
        _ operation: Domctl?, _ header: DomctlHeader, _ target: Ref<Domain<P>>
    ) throws(XenError) -> Outcome {
        switch operation {  // Domctl
        case .createDomain: return try createDomain(header)
        case .getDomainInfo: return try getDomainInfo(header)
        case .destroyDomain: return try destroyDomain(target)
        case .pauseDomain:
            guard target != domain else { throw .einval }
            try target.pointee.pauseByToolstack(platform)
        case .unpauseDomain: try target.pointee.unpauseByToolstack(platform)
        case .resumeDomain:
            guard target != domain else { throw .einval }
            target.pointee.pause(platform)
            target.pointee.resume(platform)
            target.pointee.unpause(platform)
        case .maxVCPUs: try makeVCPUs(target)
        case .maxMem:
            let argument = try payload(DomctlMaxMem.self)
            target.pointee.maximumPages.store(
                min(argument.kibibytes >> (pageShift - 10), UInt64(UInt32.max) - 1), ordering: .relaxed)
        case .setDomainHandle:
            let argument = try payload(DomctlSetHandle.self)
            target.pointee.handle.withLock { $0 = argument.handle }
        case .setPagingMempoolSize:
            let size = try payload(DomctlPagingPool.self).bytes
            guard size % pageSize == 0 else { throw .einval }
            return try setPagingPool(size, of: target)
        case .getPagingMempoolSize:
            var pool = DomctlPagingPool()
            pool.bytes = target.pointee.pagingPoolSize
            try writePayload(pool)
        case .setAddressSize: try platform.setAddressSize(payload(DomctlAddressSize.self).bits, of: target)
        // -ENOSYS: on ARM, where nothing logs writes.
        case .shadowOp: return try shadowOp(target)
        case .setVNUMAInfo: try setVirtualNUMA(target)
        case .setVCPUContext: try setVCPUContext(target)
        case .getVCPUContext: try getVCPUContext(target)
        case .setHVMContext: try setSavedState(target)
        case .getHVMContext: try getSavedState(target)
        case .getHVMContextPartial: try getSavedRecord(target)
        case .getVCPUInfo: try getVCPUInfo(target)
        default: throw .enosys
        }
        return .success
    }

    /// The operation's part of the structure.
    func payload<Value: BitwiseCopyable>(_ type: Value.Type) throws(XenError) -> Value {
        try platform.guest.read(Value.self, at: handle(0) + domctlPayload)
    }

    func writePayload<Value: BitwiseCopyable>(_ value: Value) throws(XenError) {
        try platform.guest.write(value, at: handle(0) + domctlPayload)
    }
}
