// SPDX-License-Identifier: Apache-2.0

import Base

/// Why a tree could not be written.
public enum DeviceTreeWriterError: Error, Equatable, Sendable {
    /// The buffer is too small; its size in bytes.
    case full(capacity: Int)
    /// A property outside a node, an end without a begin, a reservation after the first node, or nodes left open.
    case unbalanced
}

/// Writes a flattened device tree, version 17, into bytes that the caller owns.
///
/// The first error sticks and makes the rest a no-op; `finish` throws it. So a tree is written without a `try` per
/// property:
///
///     var writer = DeviceTreeWriter(into: buffer.mutableSpan)
///     writer.begin("")
///     writer.property("#address-cells", u32: 2)
///     writer.property("compatible", strings: ["linux,dummy-virt", "arm,generic"])
///     writer.begin("memory", unit: 0x4000_0000)
///     writer.property("reg", u64s: [0x4000_0000, 0x2000_0000])
///     writer.end()
///     writer.copyChildren(of: host.root, from: host, nodes: { !isHidden($0) }, properties: { _, _ in true })
///     writer.end()
///     let size = try writer.finish()
///
/// Layout while writing: header, reservations and structure grow up from the start, the names' block grows down from
/// the end; a property notes its name's distance from the end. `finish` moves the names behind the structure and turns
/// distances into offsets.
public struct DeviceTreeWriter: ~Copyable, ~Escapable {
    var bytes: MutableSpan<UInt8>
    /// The next free byte from below.
    var low: Int
    /// The lowest used byte of the names' block.
    var high: Int
    var structure = 0
    var depth = 0
    var failure: DeviceTreeWriterError?

    /// A writer that fills `bytes`; the tree must be placed at an address that is a multiple of 8.
    @_lifetime(copy bytes)
    public init(into bytes: consuming MutableSpan<UInt8>) {
        low = DeviceTree.headerSize
        high = min(bytes.count, 64 << 20)
        self.bytes = bytes
        if high < low {
            failure = .full(capacity: high)
            low = high
        }
    }

    // MARK: Structure

    /// Reserves `size` bytes of memory from `start` on. Before the first node only.
    @_lifetime(self: copy self)
    public mutating func reserve(start: UInt64, size: UInt64) {
        if structure != 0 { fail(.unbalanced) }
        put(start)
        put(size)
    }

    /// Opens a node; the root's name is empty.
    @_lifetime(self: copy self)
    public mutating func begin(_ name: Span<UInt8>) {
        beginToken()
        put(text: name)
        pad()
    }

    @_lifetime(self: copy self)
    public mutating func begin(_ name: StaticString) { begin(name.bytes) }

    /// Opens a node `name@unit`, the unit address in hexadecimal.
    @_lifetime(self: copy self)
    public mutating func begin(_ name: StaticString, unit: UInt64) {
        beginToken()
        put(bytes: name.bytes)
        put(byte: UInt8(ascii: "@"))
        var shift = unit == 0 ? 0 : (63 - unit.leadingZeroBitCount) & ~3
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: unit >> UInt64(shift)) & 15
            put(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            shift -= 4
        }
        put(byte: 0)
        pad()
    }

    /// Closes the node that was opened last.
    @_lifetime(self: copy self)
    public mutating func end() {
        if depth == 0 { fail(.unbalanced) }
        depth -= 1
        put(UInt32(2))
    }

    /// Completes the tree. Returns its size in bytes.
    @_lifetime(self: copy self)
    public mutating func finish() throws(DeviceTreeWriterError) -> Int {
        if structure == 0 || depth != 0 { fail(.unbalanced) }
        put(UInt32(9))
        if let failure { throw failure }
        let capacity = min(bytes.count, 64 << 20)
        let names = capacity - high
        let strings = low
        var index = 0
        while index < names {
            bytes[strings + index] = bytes[high + index]
            index += 1
        }
        relocateNames(upTo: strings, names: names)
        let total = strings + names
        set(0xd00d_feed, at: 0)
        let header: InlineArray<9, Int> = [
            total, structure, strings, DeviceTree.headerSize, 17, 16, 0, names, strings - structure,
        ]
        for index in header.indices { set(UInt32(truncatingIfNeeded: header[index]), at: (index + 1) * 4) }
        return total
    }

    // MARK: Properties

    /// A property with a value of any bytes.
    @_lifetime(self: copy self)
    public mutating func property(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        beginProperty(name, count: value.count)
        put(bytes: value)
        pad()
    }

    @_lifetime(self: copy self)
    public mutating func property(_ name: StaticString, _ value: Span<UInt8>) { property(name.bytes, value) }

    /// A property without a value, whose presence is the message.
    @_lifetime(self: copy self)
    public mutating func property(_ name: StaticString) { property(name, .literal("")) }

    @_lifetime(self: copy self)
    public mutating func property(_ name: StaticString, u32 value: UInt32) {
        beginProperty(name.bytes, count: 4)
        put(value)
    }

    @_lifetime(self: copy self)
    public mutating func property(_ name: StaticString, u64 value: UInt64) {
        beginProperty(name.bytes, count: 8)
        put(value)
    }

    /// 32-bit cells.
    @_lifetime(self: copy self)
    public mutating func property(_ name: StaticString, cells: Span<UInt32>) {
        beginProperty(name.bytes, count: cells.count * 4)
        for index in cells.indices { put(cells[index]) }
    }

    @_lifetime(self: copy self)
    public mutating func property<let count: Int>(_ name: StaticString, cells: [count of UInt32]) {
        property(name, cells: cells.span)
    }

    /// Pairs of cells: addresses and sizes under `#address-cells` = `#size-cells` = 2.
    @_lifetime(self: copy self)
    public mutating func property<let count: Int>(_ name: StaticString, u64s: [count of UInt64]) {
        beginProperty(name.bytes, count: count * 8)
        for index in u64s.indices { put(u64s[index]) }
    }

    /// A text; its terminator is added.
    @_lifetime(self: copy self)
    public mutating func property(_ name: StaticString, string: Span<UInt8>) {
        beginProperty(name.bytes, count: string.count + 1)
        put(text: string)
        pad()
    }

    @_lifetime(self: copy self)
    public mutating func property(_ name: StaticString, string: StaticString) { property(name, string: string.bytes) }

    /// A list of texts.
    @_lifetime(self: copy self)
    public mutating func property<let count: Int>(_ name: StaticString, strings: [count of StaticString]) {
        var size = 0
        for index in strings.indices { size += strings[index].utf8CodeUnitCount + 1 }
        beginProperty(name.bytes, count: size)
        for index in strings.indices { put(text: strings[index].bytes) }
        pad()
    }
}

// MARK: Copying

extension DeviceTreeWriter {
    /// Copies those properties of `node` that `wanted` accepts. Call it between `begin` and the first child.
    @_lifetime(self: copy self)
    public mutating func copyProperties(
        of node: DeviceTree.Node, from tree: DeviceTree, where wanted: (DeviceTree.Property) -> Bool = { _ in true }
    ) {
        var properties = tree.properties(of: node)
        while let property = properties.next() {
            if wanted(property) { self.property(tree.name(of: property), tree.value(of: property).bytes) }
        }
    }

    /// Copies everything below `node`: the nodes that `nodes` accepts (a refused one takes its children along), with
    /// those of their properties that `properties` accepts.
    @_lifetime(self: copy self)
    public mutating func copyChildren(
        of node: DeviceTree.Node, from tree: DeviceTree, nodes: (DeviceTree.Node) -> Bool = { _ in true },
        properties: (DeviceTree.Node, DeviceTree.Property) -> Bool = { _, _ in true }
    ) {
        var walk = tree.walk(below: node)
        let base = depth
        // Depth below which everything is being left out.
        var refused = Int.max
        while let next = walk.next() {
            let level = Int(next.depth - node.depth)
            if level > refused { continue }
            refused = .max
            while depth > base + level - 1, failure == nil { end() }
            guard nodes(next) else {
                refused = level
                continue
            }
            begin(tree.name(of: next))
            copyProperties(of: next, from: tree) { properties(next, $0) }
        }
        while depth > base, failure == nil { end() }
    }
}

// MARK: Bytes

extension DeviceTreeWriter {
    @_lifetime(self: copy self)
    private mutating func fail(_ error: DeviceTreeWriterError) {
        if failure == nil { failure = error }
    }

    @_lifetime(self: copy self)
    private mutating func beginToken() {
        if structure == 0 {
            // The reservation block ends with an empty entry.
            put(UInt64(0))
            put(UInt64(0))
            structure = low
        } else if depth == 0 {
            fail(.unbalanced)
        }
        depth += 1
        put(UInt32(1))
    }

    @_lifetime(self: copy self)
    private mutating func beginProperty(_ name: Span<UInt8>, count: Int) {
        if depth == 0 { fail(.unbalanced) }
        put(UInt32(3))
        put(UInt32(truncatingIfNeeded: count))
        put(UInt32(truncatingIfNeeded: distance(of: name)))
    }

    /// The name's distance from the buffer's end; adds it to the names' block if it is not there.
    @_lifetime(self: copy self)
    private mutating func distance(of name: Span<UInt8>) -> Int {
        let capacity = min(bytes.count, 64 << 20)
        var at = high
        while at < capacity, failure == nil {
            var index = 0
            while index < name.count, at + index < capacity, bytes[at + index] == name[index] { index += 1 }
            if index == name.count, at + index < capacity, bytes[at + index] == 0 { return capacity - at }
            // A name may also be the tail of another one, so every byte is a candidate.
            at += 1
        }
        guard failure == nil, high - low > name.count else {
            fail(.full(capacity: bytes.count))
            return 0
        }
        high -= name.count + 1
        for index in name.indices { bytes[high + index] = name[index] }
        bytes[high + name.count] = 0
        return capacity - high
    }

    /// Turns each property's distance from the end into an offset in the names' block of `names` bytes.
    @_lifetime(self: copy self)
    private mutating func relocateNames(upTo limit: Int, names: Int) {
        var offset = structure
        while offset < limit {
            switch word(at: offset) {
            case 1:
                offset += 4
                while bytes[offset] != 0 { offset += 1 }
                offset = (offset + 4) & ~3
            case 3:
                set(UInt32(truncatingIfNeeded: names) &- word(at: offset + 8), at: offset + 8)
                offset = (offset + 12 + Int(word(at: offset + 4)) + 3) & ~3
            default: offset += 4
            }
        }
    }

    private func word(at offset: Int) -> UInt32 {
        UInt32(bytes[offset]) << 24 | UInt32(bytes[offset + 1]) << 16 | UInt32(bytes[offset + 2]) << 8
            | UInt32(bytes[offset + 3])
    }

    @_lifetime(self: copy self)
    private mutating func set(_ value: UInt32, at offset: Int) {
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index)) }
    }

    @_lifetime(self: copy self)
    private mutating func put(byte: UInt8) {
        guard failure == nil, low < high else { return fail(.full(capacity: bytes.count)) }
        bytes[low] = byte
        low += 1
    }

    @_lifetime(self: copy self)
    private mutating func put(_ value: UInt32) {
        guard failure == nil, high - low >= 4 else { return fail(.full(capacity: bytes.count)) }
        set(value, at: low)
        low += 4
    }

    @_lifetime(self: copy self)
    private mutating func put(_ value: UInt64) {
        put(UInt32(truncatingIfNeeded: value >> 32))
        put(UInt32(truncatingIfNeeded: value))
    }

    @_lifetime(self: copy self)
    private mutating func put(bytes value: Span<UInt8>) {
        guard failure == nil, high - low >= value.count else { return fail(.full(capacity: bytes.count)) }
        for index in value.indices { bytes[low + index] = value[index] }
        low += value.count
    }

    /// The text up to a NUL, and its terminator.
    @_lifetime(self: copy self)
    private mutating func put(text: Span<UInt8>) {
        put(bytes: text)
        put(byte: 0)
    }

    @_lifetime(self: copy self)
    private mutating func pad() {
        while low & 3 != 0, failure == nil { put(byte: 0) }
    }
}
