// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
import Synchronization

/// The vectors of all processors that devices' messages come by, and what each is to the guest.
///
/// Taking and giving back is under the owner's lock; what a vector means is one word, which an interrupt reads without.
public struct MessageVectors<Memory: FrameMemory>: Sendable {
    /// The vectors for messages: a multiple of 32, the most that a device may ask for in a row, and what comes after the last.
    public static var first: Int { 0x60 }
    public static var end: Int { 0xe0 }
    private enum Word {
        static var isTaken: UInt32 { 1 << 30 }
        /// Given back, while a late interrupt may still come.
        static var isRetired: UInt32 { 1 << 29 }
        static var state: UInt32 { isTaken | isRetired }
    }

    let memory: Memory
    let words: MachineAddress
    public let processors: Int

    /// log2 of the frames for that many processors: 256 words each, of which the first says where the next search starts.
    public static func order(processors: Int) -> Int {
        let frames = (processors + 3) / 4
        return frames <= 1 ? 0 : Int.bitWidth - (frames - 1).leadingZeroBitCount
    }

    /// - Parameter words: zeroed frames, which stay.
    public init(_ memory: Memory, words: MachineAddress, processors: Int) {
        self.memory = memory
        self.words = words
        self.processors = processors
    }

    private func place(_ vector: HostVector) -> MachineAddress { words + UInt64(vector.rawValue) * 4 }

    private func load(_ vector: HostVector) -> UInt32 {
        memory.atomic(UInt32.self, at: place(vector)).pointee.load(ordering: .relaxed)
    }

    private func store(_ word: UInt32, _ vector: HostVector) {
        memory.atomic(UInt32.self, at: place(vector)).pointee.store(word, ordering: .relaxed)
    }

    /// What an interrupt by this vector is to the guest.
    public func message(_ vector: HostVector) -> GuestMessage {
        guard vector.processor < processors else { return .none }
        return GuestMessage(rawValue: load(vector) & ~Word.state)
    }

    /// `count` vectors in a row, the first a multiple of `count`, a power of two up to 32: at `processor`, or at the next that
    /// has them.
    public func take(_ count: Int, at processor: Int) -> HostVector? {
        for step in 0..<processors {
            if let found = search(count, (processor + step) % processors) { return found }
        }
        return nil
    }

    /// As `take`, at that processor or nowhere.
    public func take(onlyAt processor: Int) -> HostVector? { search(1, processor) }

    /// Goes round, so that what was given back is taken as late as possible.
    private func search(_ count: Int, _ processor: Int) -> HostVector? {
        let cursor = HostVector(processor: processor, vector: 0)
        let length = Self.end - Self.first
        let start = Int(load(cursor)) % length / count * count
        // What was given back with something on its way only where there is nothing else.
        let forbidden: InlineArray<2, UInt32> = [.max, Word.isTaken]
        for pass in forbidden.indices {
            for step in stride(from: 0, to: length, by: count) {
                let offset = (start + step) % length
                let found = HostVector(processor: processor, vector: UInt8(Self.first + offset))
                guard (0..<count).allSatisfy({ load(found.next($0)) & forbidden[pass] == 0 }) else { continue }
                for index in 0..<count { store(Word.isTaken, found.next(index)) }
                store(UInt32(offset + count), cursor)
                return found
            }
        }
        return nil
    }

    public func direct(_ vector: HostVector, to message: GuestMessage) { store(message.rawValue | Word.isTaken, vector) }

    /// - Parameter rest: what still comes goes there, until somebody else takes the vector.
    public func release(_ vector: HostVector, rest: GuestMessage) {
        store(rest.isNone ? 0 : rest.rawValue | Word.isRetired, vector)
    }

    /// Vectors of a processor that are taken.
    public func taken(at processor: Int) -> Int {
        (Self.first..<Self.end).count {
            load(HostVector(processor: processor, vector: UInt8($0))) & Word.isTaken != 0
        }
    }
}
