// SPDX-License-Identifier: Apache-2.0

import Base

/// Properties and the shapes of their values.
extension DeviceTree {
    /// The properties of a node, in the tree's order.
    public struct Properties: ~Escapable {
        let tree: DeviceTree
        var offset: Int

        @_lifetime(copy tree)
        init(tree: DeviceTree, node: Node) {
            self.tree = tree
            offset = tree.contents(of: node)
        }

        @_lifetime(self: copy self)
        public mutating func next() -> Property? {
            while true {
                switch tree.token(at: offset) {
                case .property(let property, let next):
                    offset = next
                    return property
                case .nop(let next): offset = next
                case .begin, .end, .finish, .malformed: return nil
                }
            }
        }
    }

    @_lifetime(copy self)
    public func properties(of node: Node) -> Properties { Properties(tree: self, node: node) }

    /// The property of that name.
    public func property(_ name: Span<UInt8>, of node: Node) -> Property? {
        let names = bytes.slice(from: 0, count: stringsEnd)
        var candidates = properties(of: node)
        while let candidate = candidates.next() {
            if names.hasText(name, at: Int(candidate.name)) { return candidate }
        }
        return nil
    }

    public func property(_ name: StaticString, of node: Node) -> Property? { property(name.bytes, of: node) }

    @_lifetime(copy self)
    public func name(of property: Property) -> Span<UInt8> {
        bytes.slice(from: Int(property.name), count: stringsEnd - Int(property.name)).text(from: 0)
    }

    @_lifetime(copy self)
    public func value(of property: Property) -> Value {
        Value(bytes.slice(from: Int(property.start), count: Int(property.count)))
    }

    /// The value of the property `name`; nil where the node has none.
    ///
    ///     let clock = tree["clock-frequency", of: node]?.u32
    public subscript(name: StaticString, of node: Node) -> Value? {
        @_lifetime(copy self) get {
            guard let property = property(name, of: node) else { return nil }
            return value(of: property)
        }
    }

    /// Whether the node has the property, whatever its value.
    public func has(_ name: StaticString, of node: Node) -> Bool { property(name, of: node) != nil }

    /// The property's first cell.
    public func u32(_ name: StaticString, of node: Node) -> UInt32? { self[name, of: node]?.u32 }

    /// The property's first text; nil where the node has none.
    @_lifetime(copy self)
    public func string(_ name: StaticString, of node: Node) -> Span<UInt8>? { self[name, of: node]?.string }

    /// A property's bytes, read as one of the shapes of Devicetree Specification 0.4, 2.2.4.
    public struct Value: ~Escapable {
        public let bytes: Span<UInt8>

        @_lifetime(copy bytes)
        init(_ bytes: Span<UInt8>) { self.bytes = bytes }

        /// Number of whole 32-bit cells.
        public var cells: Int { bytes.count / 4 }
        /// The cell `index`; nil outside.
        public func cell(_ index: Int) -> UInt32? {
            index >= 0 && index < cells ? bytes.bigEndian32(at: index * 4) : nil
        }
        /// A number of `count` cells (0 to 2) from cell `index` on. No cells are the number 0.
        public func number(at index: Int, cells count: Int) -> UInt64? {
            switch count {
            case 0: return 0
            case 1: return cell(index).map { UInt64($0) }
            case 2:
                guard let high = cell(index), let low = cell(index + 1) else { return nil }
                return UInt64(high) << 32 | UInt64(low)
            default: return nil
            }
        }
        /// The first cell.
        public var u32: UInt32? { cell(0) }
        /// The first two cells.
        public var u64: UInt64? { number(at: 0, cells: 2) }
        /// The first text.
        public var string: Span<UInt8> {
            @_lifetime(copy self) get { bytes.text(from: 0) }
        }
        /// Number of texts in the list.
        public var strings: Int {
            var count = 0
            var offset = 0
            while offset < bytes.count {
                count += 1
                offset = (bytes.firstIndex(of: 0, from: offset) ?? bytes.count) + 1
            }
            return count
        }
        /// The text `index` of the list; nil outside.
        @_lifetime(copy self)
        public func string(_ index: Int) -> Span<UInt8>? {
            var offset = 0
            var left = index
            while offset < bytes.count {
                if left == 0 { return bytes.text(from: offset) }
                left -= 1
                offset = (bytes.firstIndex(of: 0, from: offset) ?? bytes.count) + 1
            }
            return nil
        }
        /// Whether the list of texts has `name`.
        public func contains(_ name: StaticString) -> Bool {
            var offset = 0
            while offset < bytes.count {
                if bytes.hasText(name.bytes, at: offset) { return true }
                offset = (bytes.firstIndex(of: 0, from: offset) ?? bytes.count) + 1
            }
            return false
        }
    }
}
