// SPDX-License-Identifier: Apache-2.0

/// Finite state entropy (RFC 8878, 4.1): a table of states in the workspace. A word is symbol, bits << 8 and base << 16: the
/// next state is the base and so many bits of the stream more.
struct FSETable {
    /// The table's first word, and log2 of its size; 0 where one symbol has it all.
    let base: Int
    private(set) var log = 0

    init(at base: Int) { self.base = base }

    /// One symbol that takes no bits.
    mutating func setSingle(_ words: inout MutableSpan<UInt32>, _ symbol: UInt8) {
        log = 0
        words[base] = UInt32(symbol)
    }

    /// Makes the table out of a distribution: for each symbol how many states it has, -1 for one at the end.
    ///
    /// - Parameter counts: where the distribution stands in the workspace, as signed numbers; it is used up.
    mutating func build(_ words: inout MutableSpan<UInt32>, counts: Int, symbols: Int, log: Int) -> Bool {
        self.log = log
        let size = 1 << log
        var high = size - 1
        for symbol in 0..<symbols where words[counts + symbol] == .max {
            guard high >= 0 else { return false }
            words[base + high] = UInt32(symbol)
            high -= 1
            words[counts + symbol] = 1 << 31 | 1
        }
        let step = size >> 1 + size >> 3 + 3
        var place = 0
        for symbol in 0..<symbols where words[counts + symbol] >> 31 == 0 {
            for _ in 0..<words[counts + symbol] {
                guard place <= high else { return false }
                words[base + place] = UInt32(symbol)
                repeat { place = (place + step) & (size - 1) } while place > high && place != 0
            }
        }
        guard place == 0 else { return false }
        for state in 0..<size {
            let symbol = Int(words[base + state] & 0xff)
            let next = words[counts + symbol] & 0x7fff_ffff
            words[counts + symbol] = next + 1
            let bits = UInt32(log - (31 - next.leadingZeroBitCount))
            words[base + state] = UInt32(symbol) | bits << 8 | (next << bits &- UInt32(size)) << 16
        }
        return true
    }

    /// 4.1.1: reads a distribution of at most `most` symbols and of states up to 2^`largest`, and makes the table of it. Moves `position` behind it.
    mutating func read(
        _ words: inout MutableSpan<UInt32>, _ input: Span<UInt8>, _ position: inout Int, counts: Int, most: Int, largest: Int
    ) throws(DecompressionError) {
        var bits = LowFirstBits(input, from: position)
        bits.refill()
        let log = bits.take(4) + 5
        guard log <= largest else { throw .corrupt }
        var left = 1 << log
        var symbol = 0
        while left > 0 {
            guard symbol < most else { throw .corrupt }
            bits.refill()
            let count = Self.count(&bits, left: left)
            if bits.isOverrun { throw .truncated }
            words[counts + symbol] = UInt32(bitPattern: Int32(truncatingIfNeeded: count))
            symbol += 1
            left -= abs(count)
            guard left >= 0 else { throw .corrupt }
            guard count == 0 else { continue }
            // How many more have none, by threes.
            while true {
                bits.refill()
                let more = bits.take(2)
                guard more <= most - symbol, !bits.isOverrun else { throw .corrupt }
                for _ in 0..<more {
                    words[counts + symbol] = 0
                    symbol += 1
                }
                if more < 3 { break }
            }
        }
        guard build(&words, counts: counts, symbols: symbol, log: log) else { throw .corrupt }
        position = bits.align()
    }

    /// A number from -1 to `left`, in as few bits as tell these apart.
    private static func count(_ bits: inout LowFirstBits, left: Int) -> Int {
        let most = left + 1
        let width = Int.bitWidth - most.leadingZeroBitCount
        let spare = 1 << width - 1 - most
        let low = bits.peek(width - 1)
        if low < spare {
            bits.drop(width - 1)
            return low - 1
        }
        let value = bits.take(width)
        return (value >= 1 << (width - 1) ? value - spare : value) - 1
    }

    @inline(__always) func start(_ bits: inout HighFirstBits) -> Int { bits.next(log) }

    @inline(__always) func symbol(_ words: borrowing MutableSpan<UInt32>, _ state: Int) -> Int {
        Int(truncatingIfNeeded: words[base &+ state] & 0xff)
    }

    /// The state after `state`, whose bits are ready.
    @inline(__always) func next(_ words: borrowing MutableSpan<UInt32>, _ state: Int, _ bits: inout HighFirstBits) -> Int {
        let entry = words[base &+ state]
        return Int(truncatingIfNeeded: entry >> 16) &+ bits.take(Int(truncatingIfNeeded: entry >> 8 & 0xff))
    }
}
