// SPDX-License-Identifier: Apache-2.0

public import Base
import Glibc
public import Machine

/// Machine memory as an array on the host, and a frame allocator over it that counts what is out and fails on command.
///
/// One per test, so that tests run in parallel. Frames start at `base`; an access outside traps.
public final class FakeMachine: @unchecked Sendable {
    public let base: MFN
    public let frames: Int
    let bytes: UnsafeMutableRawPointer
    /// Free frames, the next one to be handed out last; and by number whether one is free.
    var free: [UInt64]
    private var isFree: [Bool]
    /// Allocations until one fails; nil never fails.
    public var failAfter: Int?
    /// Frames that are allocated now.
    public private(set) var outstanding = 0
    /// Allocations asked for so far.
    public private(set) var requests = 0

    /// Which processor the code under test believes to be on.
    public var processor = 0

    /// Memory that nobody has been given yet is full of 0xA5 where `isSoiled`; else it takes no room on the host.
    public init(frames: Int, base: MFN = MFN(0x40000), isSoiled: Bool = true) {
        self.base = base
        self.frames = frames
        bytes = mmap(nil, frames << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if isSoiled { bytes.initializeMemory(as: UInt8.self, repeating: 0xA5, count: frames << 12) }
        free = (0..<UInt64(frames)).reversed().map { base.rawValue + $0 }
        isFree = Array(repeating: true, count: frames)
    }

    deinit { munmap(bytes, frames << 12) }

    /// The value to hand to code under test.
    public var source: FakeFrames { FakeFrames(machine: self) }

    /// Runs `first`, and `second`, as if another pCPU did it, in the middle: before the access of memory with the number `place`.
    /// False where `first` has no more than that many, and `second` came after it.
    public func interleave(at place: Int, _ first: () -> Void, with second: @escaping () -> Void) -> Bool {
        intruder = (place, second)
        first()
        guard let (_, late) = intruder else { return true }
        intruder = nil
        late()
        return false
    }

    private var intruder: (left: Int, body: () -> Void)?

    fileprivate func willAccess() {
        guard let (left, body) = intruder else { return }
        if left > 0 {
            intruder = (left - 1, body)
        } else {
            intruder = nil
            body()
        }
    }

    func take(order: Int) -> MFN? {
        requests += 1
        if let left = failAfter {
            if left == 0 { return nil }
            failAfter = left - 1
        }
        guard order == 0 else { return takeBlock(order: order) }
        guard let frame = free.popLast() else { return nil }
        return handOut(frame, order: 0)
    }

    private func takeBlock(order: Int) -> MFN? {
        let size = UInt64(1) << UInt64(order)
        let first = (base.rawValue + size - 1) & ~(size - 1)
        let end = base.rawValue + UInt64(frames)
        let start = stride(from: first, through: max(first, end) - size, by: Int(size)).first { start in
            start >= first && start + size <= end && isFree[index(start)..<index(start) + Int(size)].allSatisfy { $0 }
        }
        guard let start else { return nil }
        free.removeAll { $0 >= start && $0 < start + size }
        return handOut(start, order: order)
    }

    private func handOut(_ frame: UInt64, order: Int) -> MFN {
        outstanding += 1 << order
        for number in index(frame)..<index(frame) + 1 << order { isFree[number] = false }
        (bytes + Int((frame - base.rawValue) << 12)).initializeMemory(as: UInt8.self, repeating: 0, count: 4096 << order)
        return MFN(frame)
    }

    private func index(_ frame: UInt64) -> Int { Int(frame - base.rawValue) }

    func give(_ frame: MFN, order: Int) {
        for number in frame.rawValue..<frame.rawValue + (1 << UInt64(order)) {
            precondition(!isFree[index(number)], "frame \(number) freed twice")
            free.append(number)
            isFree[index(number)] = true
            outstanding -= 1
        }
    }
}

/// `FakeMachine` as the code under test sees it.
public struct FakeFrames: FrameMemory, FrameAllocator {
    let machine: FakeMachine

    public func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        machine.willAccess()
        let offset = Int(address.rawValue) - Int(machine.base.rawValue << 12)
        precondition(offset >= 0 && offset < machine.frames << 12, "machine address outside the fake's memory")
        return machine.bytes + offset
    }

    public var processorHint: Int { machine.processor }
    public func allocate(order: Int, node: NUMANode?) -> MFN? { machine.take(order: order) }
    public func free(_ frame: MFN, order: Int) { machine.give(frame, order: order) }
}
