// SPDX-License-Identifier: Apache-2.0

/// Bits of a stream whose first bit is the lowest of the first byte (Deflate; FSE's tables).
///
/// Past the end it gives zeros and says so in `isOverrun`, so that inner loops have no error to throw.
struct LowFirstBits: ~Escapable {
    private let input: Span<UInt8>
    /// Index of the next byte to take in.
    private var next: Int
    private var hold: UInt64 = 0
    private var count = 0
    /// Bits that were made up.
    private var borrowed = 0

    @_lifetime(copy input)
    init(_ input: Span<UInt8>, from start: Int) {
        self.input = input
        next = start
    }

    var isOverrun: Bool { borrowed > count }

    /// Makes 56 bits or more ready.
    @inline(__always) mutating func refill() {
        while count <= 56 {
            if next < input.count {
                hold |= UInt64(input[next]) &<< UInt64(truncatingIfNeeded: count)
                next &+= 1
            } else {
                borrowed &+= 8
            }
            count &+= 8
        }
    }

    /// The next `bits` bits, at most 32, of those that are ready.
    @inline(__always) func peek(_ bits: Int) -> Int {
        Int(truncatingIfNeeded: hold & (1 &<< UInt64(truncatingIfNeeded: bits) &- 1))
    }

    @inline(__always) mutating func drop(_ bits: Int) {
        hold &>>= UInt64(truncatingIfNeeded: bits)
        count &-= bits
    }

    /// Takes bits that are ready.
    @inline(__always) mutating func take(_ bits: Int) -> Int {
        let value = peek(bits)
        drop(bits)
        return value
    }

    /// Leaves out what is left of the byte that was begun. Returns the index of the byte after it.
    mutating func align() -> Int {
        drop(count & 7)
        let position = next &- (count &- borrowed) / 8
        hold = 0
        count = 0
        borrowed = 0
        return position
    }

    /// Goes on at a byte.
    mutating func seek(_ position: Int) { next = position }
}

/// Bits of a stream whose first bit is the highest: of the first byte (bzip2), or of the last, going down (Zstandard).
struct HighFirstBits: ~Escapable {
    private let input: Span<UInt8>
    private var next: Int
    /// The last index that is this stream's, and where it goes from byte to byte: 1 or -1.
    private let last: Int
    private let step: Int
    private var hold: UInt64 = 0
    private var count = 0
    private var borrowed = 0

    /// Upwards from `start` to the end of the input.
    @_lifetime(copy input)
    init(_ input: Span<UInt8>, from start: Int) {
        self.input = input
        next = start
        last = input.count - 1
        step = 1
    }

    /// Downwards from the byte before `end` to `start`. That byte's highest set bit is a mark before the first bit.
    @_lifetime(copy input)
    init?(_ input: Span<UInt8>, downFrom end: Int, to start: Int) {
        guard start >= 0, start < end, end <= input.count, input[end - 1] != 0 else { return nil }
        self.input = input
        next = end - 1
        last = start
        step = -1
        refill()
        drop(input[end - 1].leadingZeroBitCount + 1)
    }

    var isOverrun: Bool { borrowed > count }
    /// Every bit was taken, and none more.
    var isFinished: Bool { borrowed == count && (next &- last) &* step > 0 }

    @inline(__always) mutating func refill() {
        while count <= 56 {
            if (next &- last) &* step <= 0 {
                hold |= UInt64(input[next]) &<< UInt64(truncatingIfNeeded: 56 &- count)
                next &+= step
            } else {
                borrowed &+= 8
            }
            count &+= 8
        }
    }

    /// The next `bits` bits, at most 32, of those that are ready.
    @inline(__always) func peek(_ bits: Int) -> Int {
        Int(truncatingIfNeeded: (hold &>> 1) &>> UInt64(truncatingIfNeeded: 63 &- bits))
    }

    @inline(__always) mutating func drop(_ bits: Int) {
        hold &<<= UInt64(truncatingIfNeeded: bits)
        count &-= bits
    }

    /// Takes bits that are ready.
    @inline(__always) mutating func take(_ bits: Int) -> Int {
        let value = peek(bits)
        drop(bits)
        return value
    }

    /// Takes up to 32 bits, ready or not.
    @inline(__always) mutating func next(_ bits: Int) -> Int {
        refill()
        return take(bits)
    }
}
