// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
public import P2M
import Sync
import Synchronization

/// What an access of a guest's comes to that its stage 2 did not allow.
public enum FaultAnswer: Sendable, Equatable {
    /// It is allowed now.
    case again
    /// It is not.
    case refused
    /// RAM that was promised there is none for: the domain cannot go on.
    case outOfMemory
}

extension P2MType {
    /// Whether an access is allowed, as far as every format agrees: devices are never run.
    func allows(write: Bool, fetch: Bool) -> Bool {
        switch self {
        case .ramReadWrite: true
        case .ramReadOnly, .ramLogDirty: !write
        case .foreign, .grantReadWrite, .deviceDirect, .deviceCached: !fetch
        case .foreignReadOnly, .grantReadOnly: !fetch && !write
        case .invalid, .populateOnDemand, .hypervisorCode, .hypervisorReadOnly: false
        }
    }

    /// Whether something is to be done before an access that is allowed.
    func putsOff(write: Bool) -> Bool { self == .populateOnDemand || write && self == .ramLogDirty }
}

/// What was put off until somebody touches it.
extension Domain {
    /// Somebody has touched memory that was promised and that there is none for: its vCPUs do not go on. A fault says so at once;
    /// a hypercall at its end.
    public var isOutOfMemory: Bool { ranOutOfMemory.load(ordering: .relaxed) }

    /// Does for an access what was put off: gives RAM on demand its frame, notes a write. An entry that was being changed, so
    /// that another vCPU missed it, is there again once this has had the lock.
    @inline(never) public func resolve(_ gfn: GFN, write: Bool, fetch: Bool = false, _ platform: P) -> FaultAnswer {
        let cache = platform.cache(of: self)
        let answer = p2m.withLock { table -> FaultAnswer in
            let entry = table.lookup(gfn)
            if entry.type == .populateOnDemand {
                return populateOnDemand(gfn, entryOrder: entry.order, &table, platform) ? .again : .outOfMemory
            }
            if write, entry.type == .ramLogDirty { return table.noteWrite(gfn, cache: cache) ? .again : .refused }
            return entry.type.allows(write: write, fetch: fetch) ? .again : .refused
        }
        // Once: it does not get to the next.
        if answer == .outOfMemory, !ranOutOfMemory.exchange(true, ordering: .relaxed) {
            let state = onDemandState
            platform.log.warning(
                "Dom\(id.rawValue) out of PoD memory! (tot=\(state.total) ents=\(state.entries) cache=\(state.cached))")
        }
        return answer
    }

    /// What a guest frame is, for somebody who is going to use it as its guest would.
    public func touch(_ gfn: GFN, write: Bool, _ platform: P) -> (frame: MFN, type: P2MType, order: Int) {
        let entry = p2m.withLock { $0.lookup(gfn) }
        guard entry.type.putsOff(write: write),
            resolve(gfn, write: write, platform) == .again
        else { return entry }
        return p2m.withLock { $0.lookup(gfn) }
    }

    /// Takes a reference to the RAM behind a guest frame, or with `shared` to what the hypervisor shares with the domain there,
    /// if `accepts` takes its type. Nil where it is none. Whoever takes the entry away has not yet, or finds the frame held.
    func hold(
        _ gfn: GFN, write: Bool, shared: Bool = false, _ platform: P, where accepts: (P2MType) -> Bool
    ) -> MFN? {
        var mayResolve = true
        while true {
            let (frame, isPutOff) = p2m.withLock { table -> (MFN?, Bool) in
                let entry = table.lookup(gfn)
                if mayResolve && entry.type.putsOff(write: write) { return (nil, true) }
                guard accepts(entry.type),
                    platform.hold(entry.frame, of: self) || shared && platform.holdShared(entry.frame, of: self)
                else { return (nil, false) }
                return (entry.frame, false)
            }
            guard isPutOff, resolve(gfn, write: write, platform) == .again else { return frame }
            mayResolve = false
        }
    }
}
