// SPDX-License-Identifier: Apache-2.0

public import Base

/// Deadlines of timers that are numbered from 0 below `capacity`, the earliest at hand. Setting, moving and cancelling
/// one takes time logarithmic in how many are set.
public struct TimerHeap<let capacity: Int>: ~Copyable {
    /// Deadline of each timer; meaningful while it is set.
    private var deadlines = InlineArray<capacity, UInt64>(repeating: 0)
    /// Where each timer is in `order`, plus one; 0 while it is not set.
    private var places = InlineArray<capacity, UInt32>(repeating: 0)
    /// The timers that are set: a binary heap, the earliest first.
    private var order = InlineArray<capacity, UInt32>(repeating: 0)
    /// Timers that are set.
    public private(set) var count = 0

    public init() {}

    /// Deadline of a timer, or nil while it is not set.
    public func deadline(of timer: Int) -> SystemTime? {
        guard timer >= 0 && timer < capacity && places[timer] != 0 else { return nil }
        return SystemTime(nanoseconds: deadlines[timer])
    }

    /// The timer that comes first; of several at one time, any.
    public var first: (timer: Int, deadline: SystemTime)? {
        guard count > 0 else { return nil }
        let timer = Int(order[0])
        return (timer, SystemTime(nanoseconds: deadlines[timer]))
    }

    /// Sets a timer, or moves it if it is set. False where `timer` is not below `capacity`.
    @discardableResult
    public mutating func set(_ timer: Int, to deadline: SystemTime) -> Bool {
        guard timer >= 0 && timer < capacity else { return false }
        let old = deadlines[timer]
        deadlines[timer] = deadline.nanoseconds
        if places[timer] == 0 {
            place(timer, at: count)
            count += 1
            moveUp(from: count - 1)
        } else if deadline.nanoseconds < old {
            moveUp(from: Int(places[timer]) - 1)
        } else {
            moveDown(from: Int(places[timer]) - 1)
        }
        return true
    }

    /// Cancels a timer. False while it is not set.
    @discardableResult
    public mutating func cancel(_ timer: Int) -> Bool {
        guard timer >= 0 && timer < capacity && places[timer] != 0 else { return false }
        let hole = Int(places[timer]) - 1
        places[timer] = 0
        count -= 1
        if hole == count { return true }
        let last = Int(order[count])
        place(last, at: hole)
        moveUp(from: hole)
        moveDown(from: Int(places[last]) - 1)
        return true
    }

    /// Takes out the earliest timer if its deadline has come.
    public mutating func takeExpired(at now: SystemTime) -> Int? {
        guard let (timer, deadline) = first, deadline <= now else { return nil }
        cancel(timer)
        return timer
    }

    private mutating func place(_ timer: Int, at index: Int) {
        order[index] = UInt32(truncatingIfNeeded: timer)
        places[timer] = UInt32(truncatingIfNeeded: index + 1)
    }

    private func key(_ index: Int) -> UInt64 { deadlines[Int(order[index])] }

    private mutating func moveUp(from start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            if key(parent) <= key(index) { return }
            swap(index, parent)
            index = parent
        }
    }

    private mutating func moveDown(from start: Int) {
        var index = start
        while true {
            let left = 2 * index + 1
            guard left < count else { return }
            let right = left + 1
            let child = right < count && key(right) < key(left) ? right : left
            if key(index) <= key(child) { return }
            swap(index, child)
            index = child
        }
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        let (first, second) = (Int(order[a]), Int(order[b]))
        place(first, at: b)
        place(second, at: a)
    }
}
