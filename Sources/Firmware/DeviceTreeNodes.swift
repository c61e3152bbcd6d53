// SPDX-License-Identifier: Apache-2.0

import Base

/// Going from node to node.
extension DeviceTree {
    /// The direct children of a node, in the tree's order.
    public struct Children: ~Escapable {
        let tree: DeviceTree
        let parent: Node
        var offset: Int

        @_lifetime(copy tree)
        init(tree: DeviceTree, parent: Node) {
            self.tree = tree
            self.parent = parent
            offset = tree.contents(of: parent)
        }

        @_lifetime(self: copy self)
        public mutating func next() -> Node? {
            // Enters the next child and then skips what is below it, so that the following call finds its sibling.
            while true {
                switch tree.token(at: offset) {
                case .begin:
                    let node = Node(
                        offset: Int32(truncatingIfNeeded: offset), parent: parent.offset, depth: parent.depth + 1)
                    offset = tree.end(of: node)
                    return node
                case .property(_, let next), .nop(let next): offset = next
                case .end, .finish, .malformed: return nil
                }
            }
        }
    }

    /// The children of `node`.
    @_lifetime(copy self)
    public func children(of node: Node) -> Children { Children(tree: self, parent: node) }

    /// All nodes, parents before children, in the tree's order.
    public struct Walk: ~Escapable {
        let tree: DeviceTree
        var offset: Int
        /// Depth of the next node.
        var depth: Int
        /// Depth of the nodes directly below the start: where a walk ends.
        let top: Int
        /// Begin-token offsets of the nodes that are open, by depth.
        var open: InlineArray<32, Int32>

        @_lifetime(copy tree)
        init(tree: DeviceTree) {
            self.tree = tree
            offset = tree.structure
            depth = 0
            top = 0
            open = InlineArray(repeating: 0)
        }

        @_lifetime(copy tree)
        init(tree: DeviceTree, below node: Node) {
            self.tree = tree
            offset = tree.contents(of: node)
            depth = Int(node.depth) + 1
            top = depth
            open = InlineArray(repeating: node.offset)
        }

        @_lifetime(self: copy self)
        public mutating func next() -> Node? {
            while true {
                switch tree.token(at: offset) {
                case .begin(let next):
                    guard depth >= 0, depth < DeviceTree.maximumDepth else { return nil }
                    let here = Int32(truncatingIfNeeded: offset)
                    let node = Node(offset: here, parent: depth > 0 ? open[depth - 1] : here, depth: Int32(depth))
                    open[depth] = here
                    depth += 1
                    offset = next
                    return node
                case .end(let next):
                    guard depth > top else { return nil }
                    depth -= 1
                    offset = next
                case .property(_, let next), .nop(let next): offset = next
                case .finish, .malformed: return nil
                }
            }
        }

        /// The next node that says it is compatible with `name`.
        @_lifetime(self: copy self)
        public mutating func next(compatibleWith name: StaticString) -> Node? {
            while let node = next() {
                if tree.isCompatible(node, with: name) { return node }
            }
            return nil
        }
    }

    /// A walk over all nodes from the root on.
    ///
    ///     var walk = tree.walk()
    ///     while let node = walk.next(compatibleWith: "virtio,mmio") { ... }
    @_lifetime(copy self)
    public func walk() -> Walk { Walk(tree: self) }

    /// A walk over everything below `node`, without itself.
    @_lifetime(copy self)
    public func walk(below node: Node) -> Walk { Walk(tree: self, below: node) }

    /// The first node that says it is compatible with `name`.
    public func first(compatibleWith name: StaticString) -> Node? {
        var nodes = walk()
        return nodes.next(compatibleWith: name)
    }

    /// The node's parent; nil for the root. Time: constant down to depth 2, linear in the tree below.
    public func parent(of node: Node) -> Node? {
        if node.depth <= 0 { return nil }
        if node.depth == 1 { return root }
        if node.depth == 2 { return Node(offset: node.parent, parent: root.offset, depth: 1) }
        var nodes = walk()
        while let candidate = nodes.next() {
            if candidate.offset == node.parent { return candidate }
        }
        return nil
    }

    /// The node's name with its unit address; empty for the root.
    @_lifetime(copy self)
    public func name(of node: Node) -> Span<UInt8> { bytes.text(from: Int(node.offset) + 4) }

    /// The node at an absolute path. A component without a unit address finds the first node of that name. A path that
    /// does not start with `/` starts with a name from `/aliases`.
    public func node(at path: StaticString) -> Node? { node(at: path.bytes) }

    public func node(at path: Span<UInt8>) -> Node? {
        guard path.byte(at: 0) != UInt8(ascii: "/") else { return node(at: path, below: root) }
        let end = path.firstIndex(of: UInt8(ascii: "/")) ?? path.count
        guard let aliases = child(named: "aliases", of: root),
            let target = property(path.slice(from: 0, count: end), of: aliases),
            // An alias is a full path, so that an alias of an alias cannot loop.
            value(of: target).string.byte(at: 0) == UInt8(ascii: "/"),
            let start = node(at: value(of: target).string, below: root)
        else { return nil }
        return node(at: path.slice(from: end), below: start)
    }

    private func node(at path: Span<UInt8>, below start: Node) -> Node? {
        var node = start
        var position = 0
        while position < path.count {
            if path.byte(at: position) == UInt8(ascii: "/") {
                position += 1
                continue
            }
            let end = path.firstIndex(of: UInt8(ascii: "/"), from: position) ?? path.count
            guard let next = child(named: path.slice(from: position, count: end - position), of: node) else { return nil }
            node = next
            position = end
        }
        return node
    }

    /// The first child of that name, with or without its unit address.
    public func child(named name: Span<UInt8>, of node: Node) -> Node? {
        let wantsUnit = name.firstIndex(of: UInt8(ascii: "@")) != nil
        var candidates = children(of: node)
        while let candidate = candidates.next() {
            let full = self.name(of: candidate)
            let unit = wantsUnit ? full.count : full.firstIndex(of: UInt8(ascii: "@")) ?? full.count
            if full.slice(from: 0, count: unit).equals(name) { return candidate }
        }
        return nil
    }

    public func child(named name: StaticString, of node: Node) -> Node? { child(named: name.bytes, of: node) }

    /// The node that others name by `phandle`; 0 and ~0 name none. Time: linear in the tree's size.
    public func node(phandle: UInt32) -> Node? {
        guard phandle != 0, phandle != ~0 else { return nil }
        var nodes = walk()
        while let node = nodes.next() {
            if self.phandle(of: node) == phandle { return node }
        }
        return nil
    }

    /// The number by which others name the node.
    public func phandle(of node: Node) -> UInt32? { u32("phandle", of: node) ?? u32("linux,phandle", of: node) }

    /// Whether `compatible` lists `name`.
    public func isCompatible(_ node: Node, with name: StaticString) -> Bool {
        self["compatible", of: node]?.contains(name) ?? false
    }

    /// Whether `status` is absent or says that the device may be used.
    public func isAvailable(_ node: Node) -> Bool {
        guard let status = self["status", of: node]?.string else { return true }
        return status.equals("okay") || status.equals("ok")
    }

    // MARK: Offsets

    /// Where the node's first property, child or end token stands.
    func contents(of node: Node) -> Int {
        if case .begin(let next) = token(at: Int(node.offset)) { return next }
        return bytes.count
    }

    /// One past the node's end token.
    func end(of node: Node) -> Int {
        var offset = Int(node.offset)
        var depth = 0
        while true {
            switch token(at: offset) {
            case .begin(let next):
                depth += 1
                offset = next
            case .end(let next):
                depth -= 1
                offset = next
                if depth <= 0 { return offset }
            case .property(_, let next), .nop(let next): offset = next
            case .finish, .malformed: return bytes.count
            }
        }
    }
}
