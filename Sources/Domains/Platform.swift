// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Machine
public import Memory
public import P2M

/// The machine under the hypercalls: everything portable code asks of it, in one value.
///
/// On the metal an empty struct; in a test an object with memory of its own and a trace.
public protocol Platform: Sendable {
    associatedtype Frames: FrameSource
    associatedtype Guest: GuestMemory
    associatedtype Format: EntryFormat
    associatedtype Cache: TranslationCache
    associatedtype Log: LogSink
    /// What this machine keeps of a domain beyond the portable state: the virtual interrupt controller.
    associatedtype DomainExtra: ~Copyable
    /// What this machine keeps of a vCPU: registers, private interrupts.
    associatedtype VCPUExtra: ~Copyable

    var frames: Frames { get }
    /// Memory of the guest that runs on this pCPU.
    var guest: Guest { get }
    var log: Log { get }
    func now() -> SystemTime
    /// Translations of this domain's stage 2.
    func cache(of domain: borrowing Domain<Self>) -> Cache
    func domain(_ id: DomainID) -> Ref<Domain<Self>>?

    /// Makes the vCPU notice that `evtchn_upcall_pending` has been set, wherever it is.
    func raiseUpcall(_ vcpu: Ref<VCPU<Self>>)
    /// Ends SCHEDOP_block or SCHEDOP_poll.
    func wake(_ vcpu: Ref<VCPU<Self>>)

    /// Sends a guest's console output. The hardware domain's goes out as it is.
    func consoleWrite(_ bytes: borrowing Span<UInt8>, from domain: borrowing Domain<Self>)
    /// Next byte of console input for the domain that owns the console.
    func consoleRead() -> UInt8?
    /// Seconds and nanoseconds since 1970 at system time 0.
    func setWallclock(seconds: UInt64, nanoseconds: UInt32)
    var wallclock: (seconds: UInt64, nanoseconds: UInt32) { get }
}
