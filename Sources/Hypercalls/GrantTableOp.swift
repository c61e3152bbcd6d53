// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import GrantTables
import Machine
import Memory
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_grant_table_op (unsigned int cmd, void *uop, unsigned int count)
    func grantTableOp() throws(XenError) -> Outcome {
        guard platform.grantOperations == .max || (word(0) < 64 && platform.grantOperations >> UInt64(word(0)) & 1 != 0)
        else {
            throw .enosys
        }
        guard word(2) <= UInt32(Int32.max) else { throw .einval }
        // The upper bits are the progress of a cache flush.
        let operation = GrantTableOp(rawValue: word(0) & 0xFFF)
        guard word(0) >> 12 == 0 || operation == .cacheFlush else { throw .einval }
        switch operation {  // GrantTableOp
        case .mapGrantRef: return try mapGrants()
        case .unmapGrantRef: return try unmapGrants()
        case .unmapAndReplace: return try unmapAndReplace()
        case .copy: return try copyGrants()
        case .swapGrantRef: return try swapGrants()
        case .cacheFlush: return try flushCaches()
        // -EOPNOTSUPP: where there are no PV guests (ARM); on x86 each element fails, for nothing is taken from such a domain.
        case .transfer: return try transferGrants()
        case .setupTable: try setUpTable()
        case .querySize: try querySize()
        case .setVersion: try setVersion()
        case .getVersion: try getVersion()
        case .getStatusFrames: try getStatusFrames()
        default: throw .enosys
        }
        return .success
    }

    /// The domain that an operation names, or why it has none, as these operations say it.
    private func grantTarget(_ id: UInt16) throws(GrantStatus) -> Ref<Domain<P>> {
        do throws(XenError) {
            return try target(id)
        } catch {
            throw error == .esrch ? .badDomain : .permissionDenied
        }
    }

    /// Xen: GNTTABOP_setup_table. A 32-bit caller may have none set up.
    private func setUpTable() throws(XenError) {
        if Caller.wordBits == 32 && word(2) == 0 { return }
        guard word(2) == 1 else { throw .einval }
        var argument = try platform.guest.read(GrantSetupTable<Caller>.self, at: handle(1))
        argument.status = status { () throws(GrantStatus) in
            let target = try grantTarget(argument.domain)
            let grants = target.pointee.grants
            try grants.pointee.setUp(frames: argument.nrFrames, GrantFrames(target, platform))
            try list(Caller.Word.self, at: argument.frameList, argument.nrFrames) { grants.pointee.place(ofFrame: $0) }
        }
        try platform.guest.write(argument.status, at: handle(1) + 8)
    }

    /// Xen: GNTTABOP_get_status_frames
    private func getStatusFrames() throws(XenError) {
        guard word(2) == 1 else { throw .einval }
        var argument = try platform.guest.read(GrantGetStatusFrames<Caller>.self, at: handle(1))
        argument.status = status { () throws(GrantStatus) in
            let grants = try grantTarget(argument.domain).pointee.grants
            guard argument.nrFrames <= grants.pointee.statusFrameCount else { throw .generalError }
            try list(UInt64.self, at: argument.frameList, argument.nrFrames) { grants.pointee.place(ofStatusFrame: $0) }
        }
        try platform.guest.write(argument.status, at: handle(1) + 6)
    }

    /// Xen: GNTTABOP_query_size
    private func querySize() throws(XenError) {
        guard word(2) == 1 else { throw .einval }
        var argument = try platform.guest.read(GrantQuerySize.self, at: handle(1))
        argument.status = status { () throws(GrantStatus) in
            let grants = try grantTarget(argument.domain).pointee.grants
            argument.nrFrames = grants.pointee.frameCount
            argument.maxNrFrames = grants.pointee.maximumFrames
        }
        try platform.guest.write(argument, at: handle(1))
    }

    /// Xen: GNTTABOP_set_version. The version is told even where it could not be changed.
    private func setVersion() throws(XenError) {
        var argument = try platform.guest.read(GrantSetVersion.self, at: handle(1))
        let grants = domain.pointee.grants
        var failure: XenError?
        do throws(XenError) {
            try grants.pointee.setVersion(argument.version, GrantFrames(domain, platform))
        } catch {
            failure = error
        }
        argument.version = grants.pointee.version
        try platform.guest.write(argument, at: handle(1))
        if let failure { throw failure }
    }

    /// Xen: GNTTABOP_get_version
    private func getVersion() throws(XenError) {
        var argument = try platform.guest.read(GrantGetVersion.self, at: handle(1))
        argument.version = try target(argument.domain).pointee.grants.pointee.version
        try platform.guest.write(argument, at: handle(1))
    }

    /// What an operation's status field says of `body`.
    private func status(_ body: () throws(GrantStatus) -> Void) -> Int16 {
        do throws(GrantStatus) {
            try body()
            return GrantStatus.okay.rawValue
        } catch {
            return error.rawValue
        }
    }

    /// Writes guest frame numbers, as many as can be.
    private func list<Element: CallerInteger>(
        _ type: Element.Type, at handle: Caller.Word, _ count: UInt32, _ place: (UInt32) -> GFN
    ) throws(GrantStatus) {
        var failed = false
        for index in 0..<count {
            let address = GuestVirtualAddress(handle.wide &+ UInt64(index) * UInt64(MemoryLayout<Element>.size))
            do throws(XenError) {
                try platform.guest.write(Element(lowBits: place(index).rawValue), at: address)
            } catch {
                failed = true
            }
        }
        if failed { throw .badVirtualAddress }
    }
}
