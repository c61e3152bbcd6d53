// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
import Synchronization

/// What is known of one RAM frame. 24 bytes; 0.6 % of RAM.
public struct FrameInfo: ~Copyable {
    /// Bits 0-15 owner, 16-23 `FrameUse`, 32-63 references.
    let state: Atomic<UInt64>
    /// Links of the heap's free lists, as indices into the table; only under the heap's lock.
    let next: Atomic<UInt32>
    let previous: Atomic<UInt32>
    /// Free block's order and dirtiness, in the block's first frame; only under the heap's lock.
    let block: Atomic<UInt32>
    let node: Atomic<UInt32>
}

/// What a frame is in use for.
public enum FrameUse: UInt8, Sendable {
    /// On a free list.
    case free
    /// The hypervisor's own: page tables, slot pools, stacks.
    case hypervisor
    /// A domain's RAM.
    case domain
    /// Shared between the hypervisor and a domain: shared_info, grant frames, vcpu_info.
    case shared
    /// A domain's RAM that the domain has given up, and somebody still holds.
    case abandoned
}

/// One contiguous run of RAM and where its entries stand in the table.
struct Bank: BitwiseCopyable {
    var start: UInt64 = 0
    var count: UInt64 = 0
    var firstIndex: UInt32 = 0
    var node: UInt8 = 0
}

/// A run of RAM as the firmware describes it.
public struct MemoryBank: BitwiseCopyable, Sendable {
    public var range: MachineRange
    public var node: NUMANode
    public init(range: MachineRange, node: NUMANode) {
        self.range = range
        self.node = node
    }
}

/// Most banks that a machine may have; further ones are not used, and the log says so.
public let maximumBanks = 64

/// The table of all RAM frames: an index per frame, holes left out.
public struct FrameTable<Frames: FrameMemory>: ~Copyable {
    let memory: Frames
    let base: MachineAddress
    var banks = FixedTable<Bank, 64>(repeating: Bank())
    var bankCount = 0
    /// Frames that the table knows.
    public private(set) var count: UInt32 = 0

    /// Bytes that a table of `banks` needs.
    public static func size(of banks: borrowing Span<MemoryBank>) -> UInt64 {
        var frames: UInt64 = 0
        for index in banks.indices { frames += banks[index].range.count }
        return frames * UInt64(MemoryLayout<FrameInfo>.stride)
    }

    /// A table at `base`, which has `size(of: banks)` zeroed bytes. Banks are disjoint.
    public init(memory: Frames, base: MachineAddress, banks list: borrowing Span<MemoryBank>) {
        self.memory = memory
        self.base = base
        for index in list.indices where index < maximumBanks {
            let bank = list[index]
            banks[index] = Bank(
                start: bank.range.start.rawValue, count: bank.range.count, firstIndex: count, node: bank.node.rawValue)
            count += UInt32(truncatingIfNeeded: bank.range.count)
            bankCount += 1
        }
    }

    /// The frame's index, or nil where `frame` is not RAM.
    @inline(__always) public func index(of frame: MFN) -> UInt32? {
        for number in 0..<bankCount {
            let offset = frame.rawValue &- banks[number].start
            if offset < banks[number].count { return banks[number].firstIndex &+ UInt32(truncatingIfNeeded: offset) }
        }
        return nil
    }

    func frame(at index: UInt32) -> MFN {
        for number in 0..<bankCount {
            let offset = UInt64(index &- banks[number].firstIndex)
            if index >= banks[number].firstIndex && offset < banks[number].count { return MFN(banks[number].start + offset) }
        }
        fatalError("frame index outside the frame table")
    }

    @inline(__always) func info(_ index: UInt32) -> Ref<FrameInfo> {
        let address = base + UInt64(index) * UInt64(MemoryLayout<FrameInfo>.stride)
        // SAFETY: `init` was given zeroed storage for `count` entries, and zero bits are a valid FrameInfo.
        return unsafe Ref(unsafe: memory.pointer(to: address).assumingMemoryBound(to: FrameInfo.self))
    }

    /// NUMA node of a RAM frame.
    public func node(of frame: MFN) -> NUMANode? {
        for number in 0..<bankCount where frame.rawValue &- banks[number].start < banks[number].count {
            return NUMANode(banks[number].node)
        }
        return nil
    }

    // MARK: Owners

    /// Marks an allocated frame as `owner`'s, with no references.
    public func assign(_ frame: MFN, to owner: DomainID, use: FrameUse) {
        guard let index = index(of: frame) else { return }
        info(index).pointee.state.store(UInt64(owner.rawValue) | UInt64(use.rawValue) << 16, ordering: .releasing)
    }

    /// The first frame of a block that goes back to the heap. It speaks for the whole block.
    func markFree(_ frame: MFN) { assign(frame, to: .dom0, use: .free) }

    /// The first frame of a block that was allocated; its new owner assigns each frame.
    func markTaken(_ frame: MFN) { assign(frame, to: .dom0, use: .hypervisor) }

    /// Who owns the frame and what for; nil where it is not RAM.
    @inline(__always) public func owner(of frame: MFN) -> (owner: DomainID, use: FrameUse)? {
        guard let index = index(of: frame) else { return nil }
        let state = info(index).pointee.state.load(ordering: .acquiring)
        guard let use = FrameUse(rawValue: UInt8(truncatingIfNeeded: state >> 16)) else { return nil }
        return (DomainID(UInt16(truncatingIfNeeded: state)), use)
    }

    /// The next frame that is `owner`'s for this use, from the `place`th frame of the table on, of which `atMost` are looked at.
    public func first(of owner: DomainID, use: FrameUse, from place: inout UInt64, atMost: UInt64) -> MFN? {
        let wanted = UInt64(owner.rawValue) | UInt64(use.rawValue) << 16
        let end = min(UInt64(count), place + atMost)
        while place < end {
            let index = UInt32(truncatingIfNeeded: place)
            place += 1
            if info(index).pointee.state.load(ordering: .relaxed) & 0xFF_FFFF == wanted { return frame(at: index) }
        }
        return nil
    }

    // MARK: References

    /// Takes a reference to a frame of `owner`'s, RAM or shared with it: whatever the owner does, nobody else gets it before
    /// `drop`. False where it is no such frame, or has 2^32 - 1 references.
    ///
    /// Xen: get_page
    public func hold(_ frame: MFN, of owner: DomainID, use: FrameUse = .domain) -> Bool {
        guard let index = index(of: frame) else { return false }
        let wanted = UInt64(owner.rawValue) | UInt64(use.rawValue) << 16
        return change(index) { $0 & 0xFF_FFFF == wanted && $0 >> 32 < UInt64(UInt32.max) ? $0 + 1 << 32 : nil } != nil
    }

    /// Whether anybody has a reference to a frame of RAM.
    public func isHeld(_ frame: MFN) -> Bool {
        guard let index = index(of: frame) else { return false }
        return info(index).pointee.state.load(ordering: .acquiring) >> 32 != 0
    }

    /// Drops a reference. Where its owner has given the frame up and this was the last one, the caller frees it, and tells
    /// the owner that was, which is returned: `nobody` for a frame that was shared.
    ///
    /// Xen: put_page
    public func drop(_ frame: MFN) -> DomainID? {
        guard let index = index(of: frame) else { return nil }
        let old = change(index) { $0 >> 32 > 0 ? $0 - 1 << 32 : nil }
        guard let old else { fatalError("a frame's reference was dropped twice") }
        guard old >> 32 == 1, old >> 16 & 0xFF == UInt64(FrameUse.abandoned.rawValue) else { return nil }
        return DomainID(UInt16(truncatingIfNeeded: old))
    }

    /// What becomes of a frame that its owner gives up.
    public enum GivenUp: Equatable, Sendable {
        /// Nobody holds it: the caller frees it.
        case free
        /// Somebody does. The last `drop` returns this owner.
        case held(DomainID)
    }

    /// The owner gives a frame up, RAM or shared.
    public func giveUp(_ frame: MFN) -> GivenUp {
        guard let index = index(of: frame) else { return .held(Self.nobody) }
        let old = change(index) { state in
            let use = UInt8(truncatingIfNeeded: state >> 16)
            guard use == FrameUse.domain.rawValue || use == FrameUse.shared.rawValue else { return nil }
            return Self.abandoned(state, use)
        }
        guard let old else { fatalError("a frame was given up that nobody has") }
        let after = Self.abandoned(old, UInt8(truncatingIfNeeded: old >> 16))
        return old >> 32 == 0 ? .free : .held(DomainID(UInt16(truncatingIfNeeded: after)))
    }

    /// No domain's number.
    public static var nobody: DomainID { DomainID(.max) }

    /// RAM keeps its owner's name, whom the frame's last reference keeps from going; what was shared is nobody's.
    private static func abandoned(_ state: UInt64, _ use: UInt8) -> UInt64 {
        let owner = use == FrameUse.shared.rawValue ? UInt64(nobody.rawValue) : state & 0xFFFF
        return state & ~0xFF_FFFF | UInt64(FrameUse.abandoned.rawValue) << 16 | owner
    }

    /// Replaces a frame's state by `new` of it, unless that is nil. Returns what it was.
    private func change(_ index: UInt32, _ new: (UInt64) -> UInt64?) -> UInt64? {
        let state = info(index)
        var old = state.pointee.state.load(ordering: .acquiring)
        while let value = new(old) {
            let (done, now) = state.pointee.state.compareExchange(
                expected: old, desired: value, ordering: .acquiringAndReleasing)
            if done { return old }
            old = now
        }
        return nil
    }
}
