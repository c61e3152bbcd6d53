// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Machine
public import Memory
public import P2M
public import XenABI

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
    /// Every domain but dom0.
    var directory: Ref<DomainDirectory<Self>> { get }

    /// Makes the vCPU notice that `evtchn_upcall_pending` has been set, wherever it is.
    func raiseUpcall(_ vcpu: Ref<VCPU<Self>>)
    /// Ends SCHEDOP_block or SCHEDOP_poll.
    func wake(_ vcpu: Ref<VCPU<Self>>)
    /// Clears `evtchn_upcall_mask` of the vCPU.
    func unmaskUpcalls(_ vcpu: Ref<VCPU<Self>>)
    /// An interrupt waits for this pCPU: a long operation had better let it in.
    var shouldPreempt: Bool { get }

    /// Writes data caches back to memory (`clean`), or throws away what they hold (`invalidate`), or both.
    func maintainCache(_ start: MachineAddress, count: UInt64, clean: Bool, invalidate: Bool)

    /// Who owns a frame of RAM; nil where it is not RAM, or the hypervisor's own.
    func owner(of frame: MFN) -> Ref<Domain<Self>>?
    /// Whether `frame` is RAM that `domain` owns.
    func owns(_ frame: MFN, _ domain: borrowing Domain<Self>) -> Bool
    /// 2^`order` zeroed frames of `place` for a domain that has set `claimed` of them aside, which are used up. Nil, with the
    /// claim as it was, where there are none.
    func allocate(order: Int, on place: NodeRequest, claimed: UInt64) -> MFN?
    /// Gets frames ready for `allocate` in a piece of work as long as may pass between two looks for interrupts. True once there is
    /// nothing left to do: a large block is zeroed by repeating this, small ones by `allocate`.
    func isReady(order: Int, on place: NodeRequest) -> Bool
    /// Sets frames aside, which nobody else gets. False where so many are not free.
    func claim(_ pages: UInt64) -> Bool
    /// Sets as many aside no more.
    func giveBackClaim(_ pages: UInt64)
    /// Makes `count` allocated frames `domain`'s.
    func assign(_ frame: MFN, count: UInt64, to domain: borrowing Domain<Self>)
    /// Makes a frame that the hypervisor has allocated one that it shares with `domain`, and that `holdShared` can hold.
    /// `giveUp` ends that.
    func share(_ frame: MFN, with domain: DomainID)
    /// Takes a reference to a frame that is shared with `domain`. False where it is none.
    func holdShared(_ frame: MFN, of domain: borrowing Domain<Self>) -> Bool
    /// Whether there is RAM of this number.
    func isRAM(_ frame: MFN) -> Bool
    /// Takes a reference to a frame of `domain`'s RAM: it stays its frame until `drop`. False where it is none.
    func hold(_ frame: MFN, of domain: borrowing Domain<Self>) -> Bool
    /// Drops a reference; frees the frame if `domain` has given it up and this was the last one.
    func drop(_ frame: MFN)
    /// Whether anybody holds a frame.
    func isHeld(_ frame: MFN) -> Bool
    /// Their domain gives `count` frames up, each of which is freed as soon as nobody holds it.
    func giveUp(_ frame: MFN, count: UInt64)
    /// The highest frame of RAM there is.
    var maximumFrame: MFN { get }

    /// Sends the hardware domain's console output as it is.
    func consoleWrite(_ bytes: borrowing Span<UInt8>)
    /// Prints a line of another domain's, or of the debug port's, with the domain's number before it.
    func consolePrint(_ line: inout ConsoleLine, of domain: DomainID)
    /// Next byte of console input for the domain that owns the console.
    func consoleRead() -> UInt8?
    /// The time of day at system time `systemTime` was this.
    func setWallclock(seconds: UInt64, nanoseconds: UInt32, at systemTime: UInt64)
    /// Writes the time of day to where the domain has it in its shared_info now.
    func publishWallclock(to domain: borrowing Domain<Self>)

    /// What XENVER_build_id says: the identity of the image, which its linker gave it. Nil where there is none.
    var buildID: InlineArray<20, UInt8>? { get }
    // Domains that are made and end while the machine runs: see DomainMaking.swift.

    /// What createdomain says of this ISA.
    associatedtype ArchConfig: DomainConfig
    var sharedInfoLayout: SharedInfoLayout { get }
    func complete(_ config: inout CreateDomain<ArchConfig>) throws(XenError)
    var grantLimits: GrantLimits { get }
    func stage2Format() throws(XenError) -> Format
    /// Frames that are set aside for a new domain's page tables.
    var firstPagingPool: UInt64 { get }
    func makeExtra(
        _ id: DomainID, _ config: CreateDomain<ArchConfig>, root: MFN
    ) throws(XenError) -> DomainExtra
    func furnish(_ domain: Ref<Domain<Self>>) throws(XenError)
    func forgetTranslations(of domain: borrowing Domain<Self>)
    func makeVCPUExtra(_ id: VCPUID, of domain: Ref<Domain<Self>>) throws(XenError) -> VCPUExtra
    func takeUnit() -> UInt16?
    func giveBackUnit(_ unit: UInt16)
    func admit(_ vcpu: Ref<VCPU<Self>>)
    func dismiss(_ vcpu: Ref<VCPU<Self>>)
    func sleep(_ vcpu: Ref<VCPU<Self>>)
    func waitUntilStopped(_ vcpu: Ref<VCPU<Self>>)
    func endSleep(_ vcpu: Ref<VCPU<Self>>)
    func standing(of vcpu: Ref<VCPU<Self>>) -> VCPUStanding
    func canRun(on processor: UInt32) -> Bool
    func move(_ vcpu: Ref<VCPU<Self>>, to processor: UInt32)
    var processorCount: UInt32 { get }
    func beginGrace() -> UInt64
    func graceHasPassed(_ period: UInt64) -> Bool
    func strayFrame(of domain: borrowing Domain<Self>, from place: inout UInt64) -> StrayFrame
    func readContext(
        of vcpu: Ref<VCPU<Self>>, to address: GuestVirtualAddress
    ) throws(XenError)
    func writeContext(
        of vcpu: Ref<VCPU<Self>>, from address: GuestVirtualAddress
    ) throws(XenError)
    func forgetContext(of vcpu: Ref<VCPU<Self>>)
    func setRunnable(_ vcpu: Ref<VCPU<Self>>, _ isUp: Bool)
    var savedStateClock: UInt64 { get }
    var savedStateProcessor: UInt32? { get }
    func saveState(_ record: SavedRecord, of vcpu: Ref<VCPU<Self>>, to address: GuestVirtualAddress) throws(XenError)
    func loadState(
        _ record: SavedRecord, length: UInt32, of vcpu: Ref<VCPU<Self>>, from address: GuestVirtualAddress, clock: UInt64
    ) throws(XenError)
    func archConfig(of domain: borrowing Domain<Self>) -> ArchConfig
    func setAddressSize(_ bits: UInt32, of domain: Ref<Domain<Self>>) throws(XenError)
    var addressBits: UInt8 { get }

    /// See the defaults of these in PlatformOperations.swift.
    var vcpuOperations: UInt64 { get }
    var handsOnPCI: Bool { get }
    func reserveConfiguration(_ region: PhysdevPCIMMCFGReserved) throws(XenError)
    func addDevice(segment: UInt16, bus: UInt8, devfn: UInt8) throws(XenError)
    func removeDevice(segment: UInt16, bus: UInt8, devfn: UInt8) throws(XenError)
    var memoryFeatures: MemoryFeatures { get }
    func machineMapEntry(_ index: Int) -> E820Entry?
    func initialise(_ vcpu: Ref<VCPU<Self>>, from context: GuestVirtualAddress) throws(XenError)
    func start(_ vcpu: Ref<VCPU<Self>>) -> Bool
    func bringDown(_ vcpu: Ref<VCPU<Self>>)
    func sendNMI(_ vcpu: Ref<VCPU<Self>>)
    var grantOperations: UInt64 { get }
    func timersChanged(_ vcpu: Ref<VCPU<Self>>)
    func vcpuInfoMoved(_ vcpu: Ref<VCPU<Self>>)
    var hasUpcallVectors: Bool { get }
    func setUpcallVector(_ vector: UInt8, _ vcpu: Ref<VCPU<Self>>) throws(XenError)

    /// What XENVER_capabilities says.
    var capabilities: StaticString { get }
    /// The first virtual address of the hypervisor's that XENVER_platform_parameters names, to callers of 64 bits.
    var virtualStart: UInt64 { get }
    /// Features of this ISA (XENFEAT_* bits) besides those that every auto-translated domain has.
    var machineFeatures: UInt32 { get }
    /// The HVM_PARAM_* that this ISA knows.
    var parameters: ParameterSets { get }
    /// Bit set of VMASST_TYPE_* that this ISA knows.
    var assists: UInt64 { get }
    /// Writes the hypervisor's command line, 1024 bytes, zero-filled.
    func writeCommandLine(at address: GuestVirtualAddress) throws(XenError)
}

/// Bit sets of HVM_PARAM_*.
public struct ParameterSets: BitwiseCopyable, Sendable {
    /// What a domain may read, and set, of itself.
    public let readable, settable: UInt64
    /// What only its toolstack may read and set besides.
    public let toolstack: UInt64

    public init(readable: UInt64, settable: UInt64, toolstack: UInt64) {
        self.readable = readable
        self.settable = settable
        self.toolstack = toolstack
    }
}
