// SPDX-License-Identifier: Apache-2.0

public import Base

/// At most 128 frame ranges with a tag each, kept sorted and disjoint: boot's picture of the memory map.
public struct RangeList<Space>: Sendable {
    public struct Item: BitwiseCopyable, Sendable {
        public var range: FrameRange<Space>
        /// What the caller keeps with the range: a NUMA node.
        public var tag: UInt8
    }

    var items: InlineArray<128, Item>
    public private(set) var count = 0
    /// Ranges that did not fit and were left out.
    public private(set) var dropped = 0

    public init() {
        items = InlineArray(repeating: Item(range: FrameRange(start: FrameNumber(0), count: 0), tag: 0))
    }

    public subscript(index: Int) -> Item { items[index] }

    /// Frames in all ranges.
    public var frames: UInt64 {
        var sum: UInt64 = 0
        for index in 0..<count { sum &+= items[index].range.count }
        return sum
    }

    /// Adds what of `range` is not yet covered.
    public mutating func insert(_ range: FrameRange<Space>, tag: UInt8 = 0) {
        var rest = range
        for index in 0..<count where rest.overlaps(items[index].range) {
            let other = items[index].range
            if rest.start < other.start {
                insertDisjoint(
                    FrameRange(start: rest.start, count: other.start.rawValue - rest.start.rawValue), tag: tag)
                insert(tail(of: rest, after: other.end), tag: tag)
                return
            }
            rest = tail(of: rest, after: other.end)
        }
        insertDisjoint(rest, tag: tag)
    }

    private func tail(of range: FrameRange<Space>, after frame: FrameNumber<Space>) -> FrameRange<Space> {
        FrameRange(start: frame, count: range.end > frame ? range.end.rawValue - frame.rawValue : 0)
    }

    private mutating func insertDisjoint(_ range: FrameRange<Space>, tag: UInt8) {
        guard !range.isEmpty else { return }
        // Neighbours of one tag become one.
        for index in 0..<count where items[index].tag == tag {
            let other = items[index].range
            guard other.end == range.start || range.end == other.start else { continue }
            erase(index)
            return insertDisjoint(
                FrameRange(start: min(range.start, other.start), count: range.count + other.count), tag: tag)
        }
        guard count < items.count else {
            dropped += 1
            return
        }
        var position = count
        while position > 0, items[position - 1].range.start > range.start {
            items[position] = items[position - 1]
            position -= 1
        }
        items[position] = Item(range: range, tag: tag)
        count += 1
    }

    /// Takes `hole` out of every range.
    public mutating func remove(_ hole: FrameRange<Space>) {
        var index = 0
        while index < count {
            let item = items[index]
            guard item.range.overlaps(hole) else {
                index += 1
                continue
            }
            erase(index)
            let before = max(hole.start, item.range.start).rawValue - item.range.start.rawValue
            insertDisjoint(FrameRange(start: item.range.start, count: before), tag: item.tag)
            insertDisjoint(tail(of: item.range, after: hole.end), tag: item.tag)
            index = 0
        }
    }

    private mutating func erase(_ index: Int) {
        for position in index..<count - 1 { items[position] = items[position + 1] }
        count -= 1
    }

    /// Takes `frames` frames, aligned to `alignment` frames, off the end of the highest range that has them.
    public mutating func take(_ frames: UInt64, alignment: UInt64 = 1) -> FrameRange<Space>? {
        for index in (0..<count).reversed() where items[index].range.count >= frames {
            let start = alignedDown(items[index].range.end.rawValue - frames, to: alignment)
            guard start >= items[index].range.start.rawValue else { continue }
            let taken = FrameRange<Space>(start: FrameNumber(start), count: frames)
            remove(taken)
            return taken
        }
        return nil
    }
}
