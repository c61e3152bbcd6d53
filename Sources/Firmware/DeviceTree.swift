// SPDX-License-Identifier: Apache-2.0

import Base

/// Why bytes are not a device tree.
public enum DeviceTreeError: Error, Equatable, Sendable {
    /// Fewer bytes than the header, or than the header says.
    case truncated(has: Int, needs: Int)
    /// No 0xd00dfeed at the start; what is there instead.
    case badMagic(UInt32)
    /// The header's size of the whole tree is less than a header or more than `DeviceTree.maximumSize`, in bytes.
    case badSize(UInt32)
    /// Not readable as version 17 (or 16) of the format.
    case unsupportedVersion(UInt32)
    /// The header places a block outside the tree or not on a 4-byte boundary.
    case misplacedBlock
    /// Unknown token, a name or value that ends outside, or unbalanced nodes; byte offset in the tree.
    case malformed(at: Int)
    /// Nodes nested deeper than `DeviceTree.maximumDepth`; byte offset in the tree.
    case tooDeep(at: Int)
}

/// A flattened device tree (Devicetree Specification 0.4, chapter 5) that was checked from end to end.
///
/// Nodes and properties are cheap cursors that may be kept as long as the bytes stay; what a reader returns is a view
/// of the bytes.
///
///     let tree = try DeviceTree(bytes)
///     if let uart = tree.node(at: "/pl011@9000000"), let region = tree.region(of: uart) { ... }
///     var children = tree.children(of: tree.root)
///     while let child = children.next() { log(tree.name(of: child)) }
public struct DeviceTree: ~Escapable {
    /// The tree's bytes, cut to its own total size.
    public let bytes: Span<UInt8>
    let structure: Int
    let strings: Int
    let stringsEnd: Int
    let reservations: Int

    /// Deepest nesting that is accepted. Real trees stay below 10.
    public static var maximumDepth: Int { 32 }
    /// Largest tree that is accepted, in bytes. Linux takes 2 MiB.
    public static var maximumSize: Int { 64 << 20 }
    /// Bytes of the header.
    public static var headerSize: Int { 40 }

    /// A node, by where it stands.
    public struct Node: Hashable, Sendable, BitwiseCopyable {
        /// Byte offset of the node's begin token.
        let offset: Int32
        /// The same of its parent; the root's own for the root.
        let parent: Int32
        /// 0 for the root.
        public let depth: Int32
    }

    /// A property, by where its name and value stand.
    public struct Property: Hashable, Sendable, BitwiseCopyable {
        let name: Int32
        let start: Int32
        /// Bytes of the value.
        public let count: Int32
    }

    /// Checks the header and every token of `bytes`, which may be longer than the tree.
    /// Time: linear in the tree's size.
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>) throws(DeviceTreeError) {
        try self.init(bytes, size: try Self.size(of: bytes))
    }

    /// What can be read of a tree whose magic number, version or size is wrong, as if `bytes` were all of it: to find a
    /// console to complain on, and for nothing else. Nil where no whole tree of nodes is in it.
    @_lifetime(copy bytes)
    public init?(salvaging bytes: Span<UInt8>) {
        guard bytes.count >= Self.headerSize else { return nil }
        do throws(DeviceTreeError) { try self.init(bytes, size: bytes.count) } catch { return nil }
    }

    @_lifetime(copy bytes)
    private init(_ bytes: Span<UInt8>, size: Int) throws(DeviceTreeError) {
        guard bytes.count >= size else { throw .truncated(has: bytes.count, needs: size) }
        let header = Header(bytes)
        let structureSize = header.version >= 17 ? header.structureSize : UInt32(size) &- header.structure
        guard header.structure % 4 == 0, Self.fits(header.structure, structureSize, in: size),
            Self.fits(header.strings, header.stringsSize, in: size),
            header.reservations % 4 == 0, Self.fits(header.reservations, 16, in: size)
        else { throw .misplacedBlock }
        // The structure may not run over into what follows it.
        let end = Int(header.structure) + Int(structureSize)
        self.bytes = bytes.slice(from: 0, count: size)
        structure = Int(header.structure)
        strings = Int(header.strings)
        stringsEnd = Int(header.strings) + Int(header.stringsSize)
        reservations = Int(header.reservations)
        try check(upTo: end)
    }

    /// The total size in bytes that a header claims, so that a caller who can see the first 40 bytes knows how much to
    /// map. At most 64 MiB.
    public static func size(of bytes: Span<UInt8>) throws(DeviceTreeError) -> Int {
        guard bytes.count >= headerSize else { throw .truncated(has: bytes.count, needs: headerSize) }
        let header = Header(bytes)
        guard header.magic == 0xd00d_feed else { throw .badMagic(header.magic) }
        guard header.version >= 16, header.compatibleVersion <= 17 else { throw .unsupportedVersion(header.version) }
        guard header.totalSize >= UInt32(headerSize), header.totalSize <= maximumSize else {
            throw .badSize(header.totalSize)
        }
        return Int(header.totalSize)
    }

    /// The root node.
    public var root: Node {
        Node(offset: Int32(truncatingIfNeeded: structure), parent: Int32(truncatingIfNeeded: structure), depth: 0)
    }

    private static func fits(_ start: UInt32, _ count: UInt32, in size: Int) -> Bool {
        UInt64(start) >= UInt64(headerSize) && UInt64(start) + UInt64(count) <= UInt64(size)
    }

    /// The header's words (Devicetree Specification 0.4, 5.2).
    private struct Header {
        let magic, totalSize, structure, strings, reservations, version, compatibleVersion, stringsSize,
            structureSize: UInt32

        init(_ bytes: Span<UInt8>) {
            func word(_ index: Int) -> UInt32 { bytes.bigEndian32(at: index * 4) ?? 0 }
            magic = word(0)
            totalSize = word(1)
            structure = word(2)
            strings = word(3)
            reservations = word(4)
            version = word(5)
            compatibleVersion = word(6)
            stringsSize = word(8)
            structureSize = word(9)
        }
    }
}

// MARK: Tokens

extension DeviceTree {
    /// One step through the structure block, and where the next one starts.
    enum Token {
        case begin(next: Int)
        case end(next: Int)
        case property(Property, next: Int)
        case nop(next: Int)
        /// The end of the structure, or what cannot be read as a token.
        case finish
        case malformed
    }

    /// The token at `offset`. Total: whatever stands there, the next offset is larger.
    func token(at offset: Int) -> Token {
        guard let word = bytes.bigEndian32(at: offset) else { return .malformed }
        let next = offset + 4
        switch word {
        case 1:
            guard let nul = bytes.firstIndex(of: 0, from: next) else { return .malformed }
            return .begin(next: (nul + 4) & ~3)
        case 2: return .end(next: next)
        case 3: return propertyToken(at: next)
        case 4: return .nop(next: next)
        case 9: return .finish
        default: return .malformed
        }
    }

    private func propertyToken(at offset: Int) -> Token {
        guard let count = bytes.bigEndian32(at: offset), let name = bytes.bigEndian32(at: offset + 4),
            UInt64(count) <= UInt64(bytes.count - offset - 8), UInt64(name) < UInt64(stringsEnd - strings)
        else { return .malformed }
        let property = Property(
            name: Int32(truncatingIfNeeded: strings + Int(name)), start: Int32(truncatingIfNeeded: offset + 8),
            count: Int32(truncatingIfNeeded: count))
        return .property(property, next: (offset + 8 + Int(count) + 3) & ~3)
    }

    /// Walks all tokens once: one root, balanced, not too deep, all before `limit`.
    private func check(upTo limit: Int) throws(DeviceTreeError) {
        var offset = structure
        var depth = 0
        var seenRoot = false
        while true {
            let here = offset
            switch token(at: here) {
            case .begin(let next):
                guard !(seenRoot && depth == 0) else { throw .malformed(at: here) }
                seenRoot = true
                depth += 1
                guard depth <= Self.maximumDepth else { throw .tooDeep(at: here) }
                offset = next
            case .end(let next):
                guard depth > 0 else { throw .malformed(at: here) }
                depth -= 1
                offset = next
            case .property(_, let next):
                guard depth > 0 else { throw .malformed(at: here) }
                offset = next
            case .nop(let next): offset = next
            case .finish:
                guard seenRoot, depth == 0, here + 4 <= limit else { throw .malformed(at: here) }
                return
            case .malformed: throw .malformed(at: here)
            }
            guard offset < limit else { throw .malformed(at: here) }
        }
    }
}
