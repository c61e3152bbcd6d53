// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
import EventChannels
import Machine
import Sync
import Synchronization
public import XenABI

/// Every domain but dom0 by its number, and those that wait for their burial.
///
/// Looking up takes no lock. What changes the directory holds `control`, but for burials.
public struct DomainDirectory<P: Platform>: ~Copyable {
    private let slots = PagedTable<AtomicRef<Domain<P>>>()
    /// Where the search for a free number goes on.
    private let rover = Atomic<UInt16>(0)
    /// One domctl at a time changes domains (Xen: domctl_lock). Who does not get it comes again.
    private let control = Atomic<Bool>(false)
    private let corpses = SpinLock(CorpseList<P>(), rank: .domainTable)
    /// Whether anybody waits for burial.
    private let hasCorpses = Atomic<Bool>(false)

    public init() {}

    /// The domain of this number, or nil.
    @inline(__always) public func domain(_ id: DomainID, in frames: P.Frames) -> Ref<Domain<P>>? {
        slots.element(UInt32(id.rawValue), in: frames)?.pointee.load()
    }

    /// The domain of this number, or the one with the next, or nil.
    public func firstDomain(from id: DomainID, in frames: P.Frames) -> Ref<Domain<P>>? {
        for number in UInt32(id.rawValue)..<max(slots.count, UInt32(id.rawValue)) {
            if let domain = slots.element(number, in: frames)?.pointee.load() { return domain }
        }
        return nil
    }

    /// Runs `body` with the right to change domains; nil where somebody else has it.
    public func withControl<R>(_ body: () throws(XenError) -> R) throws(XenError) -> R? {
        guard control.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else { return nil }
        defer { control.store(false, ordering: .releasing) }
        return try body()
    }

    /// A number that no domain has: the wanted one, or for 0 or a reserved one the next. Throws EEXIST, ENOMEM.
    public func freeNumber(wanted: UInt16, in frames: P.Frames) throws(XenError) -> DomainID {
        if wanted > 0 && wanted < ReservedDomain.first {
            guard domain(DomainID(wanted), in: frames) == nil else { throw .eexist }
            return DomainID(wanted)
        }
        let start = rover.load(ordering: .relaxed)
        var number = start
        repeat {
            number = number &+ 1 < ReservedDomain.first ? number &+ 1 : 1
            if domain(DomainID(number), in: frames) == nil {
                rover.store(number, ordering: .relaxed)
                return DomainID(number)
            }
        } while number != start
        throw .enomem
    }

    /// Makes room for a domain of this number. Throws ENOMEM.
    func reserve(_ id: DomainID, in frames: P.Frames) throws(XenError) {
        guard slots.grow(to: UInt32(id.rawValue) + 1, in: frames, { _ in AtomicRef() }) else { throw .enomem }
    }

    /// Lets the domain be found, where room was made for it.
    func insert(_ domain: Ref<Domain<P>>, in frames: P.Frames) {
        slots.element(UInt32(domain.pointee.id.rawValue), in: frames)?.pointee.store(domain)
    }

    /// Lets the domain be found no more; it waits for its burial.
    func remove(_ domain: Ref<Domain<P>>, in frames: P.Frames) {
        slots.element(UInt32(domain.pointee.id.rawValue), in: frames)?.pointee.store(nil)
    }

    func addCorpse(_ domain: Ref<Domain<P>>) {
        corpses.withLock { list in
            domain.pointee.nextCorpse.store(list.first)
            list.first = domain
        }
        hasCorpses.store(true, ordering: .releasing)
    }

    /// Frees the domains that nobody can refer to any more. Every pCPU calls it where it holds no reference to any but the
    /// domains of the vCPUs that it runs, after it has told the machine that it was there (`Platform.graceHasPassed`).
    @inline(__always) public func bury(_ platform: P) {
        if hasCorpses.load(ordering: .acquiring) { buryCorpses(platform) }
    }

    @inline(never) private func buryCorpses(_ platform: P) {
        while let domain = takeCorpse(platform) {
            Domain.free(domain, platform)
            platform.domain(.dom0)?.pointee.events.pointee.raiseGlobal(.domainException, PlatformEvents(platform))
        }
    }

    private func takeCorpse(_ platform: P) -> Ref<Domain<P>>? {
        corpses.withLock { list in
            var previous: Ref<Domain<P>>?
            var current = list.first
            while let domain = current {
                let next = domain.pointee.nextCorpse.load()
                if platform.graceHasPassed(domain.pointee.teardown.withLock { $0.grace }) {
                    if let previous { previous.pointee.nextCorpse.store(next) } else { list.first = next }
                    if list.first == nil { hasCorpses.store(false, ordering: .relaxed) }
                    return domain
                }
                previous = current
                current = next
            }
            return nil
        }
    }
}

/// Domains that wait for their burial.
struct CorpseList<P: Platform>: ~Copyable {
    var first: Ref<Domain<P>>?
}
