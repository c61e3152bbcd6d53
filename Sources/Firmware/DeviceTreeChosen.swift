// SPDX-License-Identifier: Apache-2.0

import Base

/// `/chosen`: what the boot loader says (Xen: docs/misc/arm/device-tree/booting.txt).
extension DeviceTree {
    /// What a boot module is for.
    public enum ModuleKind: Sendable, BitwiseCopyable {
        case kernel, ramdisk, securityPolicy, other
    }

    /// Bytes that the boot loader put in memory for us.
    public struct Module: Hashable, Sendable, BitwiseCopyable {
        public let kind: ModuleKind
        public let region: Region
        public let node: Node
    }

    /// The modules, in the tree's order. Modules without a specific `compatible` are the kernel and then the ramdisk;
    /// one without a usable `reg` is left out.
    public struct Modules: ~Escapable {
        let tree: DeviceTree
        let hasChosen: Bool
        var nodes: Children
        var anonymous = 0

        @_lifetime(copy tree)
        init(tree: DeviceTree) {
            self.tree = tree
            let chosen = tree.child(named: "chosen", of: tree.root)
            hasChosen = chosen != nil
            nodes = tree.children(of: chosen ?? tree.root)
        }

        @_lifetime(self: copy self)
        public mutating func next() -> Module? {
            guard hasChosen else { return nil }
            while let node = nodes.next() {
                guard tree.isModule(node) else { continue }
                let kind = tree.namedKind(of: node) ?? nextAnonymousKind()
                if let region = tree.moduleRegion(of: node) { return Module(kind: kind, region: region, node: node) }
            }
            return nil
        }

        @_lifetime(self: copy self)
        private mutating func nextAnonymousKind() -> ModuleKind {
            anonymous += 1
            return anonymous == 1 ? .kernel : anonymous == 2 ? .ramdisk : .other
        }
    }

    /// The boot modules.
    ///
    ///     guard let kernel = tree.module(.kernel) else { halt("no dom0 kernel: expected a multiboot,kernel module") }
    @_lifetime(copy self)
    public func modules() -> Modules { Modules(tree: self) }

    /// The first module of that kind.
    public func module(_ kind: ModuleKind) -> Module? {
        var all = modules()
        while let module = all.next() {
            if module.kind == kind { return module }
        }
        return nil
    }

    private func isModule(_ node: Node) -> Bool {
        guard let compatible = self["compatible", of: node] else { return false }
        return compatible.contains("multiboot,module") || compatible.contains("xen,multiboot-module")
            || namedKind(of: node) != nil
    }

    private func namedKind(of node: Node) -> ModuleKind? {
        guard let compatible = self["compatible", of: node] else { return nil }
        if compatible.contains("multiboot,kernel") || compatible.contains("xen,linux-zimage") { return .kernel }
        if compatible.contains("multiboot,ramdisk") || compatible.contains("xen,linux-initrd") { return .ramdisk }
        return compatible.contains("xen,xsm-policy") ? .securityPolicy : nil
    }

    /// A module's `reg` is in CPU addresses: no `ranges` stands between.
    private func moduleRegion(of node: Node) -> Region? {
        // A parent that does not say how wide addresses are leaves it to the root, as Xen reads it: QEMU's guest-loader
        // relies on that.
        guard let parent = parent(of: node), let reg = self["reg", of: node] else { return nil }
        let addresses = cellCount("#address-cells", of: parent) ?? addressCells(of: root)
        let sizes = cellCount("#size-cells", of: parent) ?? sizeCells(of: root)
        guard let start = reg.number(at: 0, cells: addresses), let size = reg.number(at: addresses, cells: sizes), size > 0
        else { return nil }
        return Region(start: start, size: size)
    }

    /// `name` in `/chosen`.
    @_lifetime(copy self)
    public func chosen(_ name: StaticString) -> Value? {
        guard let node = child(named: "chosen", of: root) else { return nil }
        return self[name, of: node]
    }

    /// The hypervisor's own command line: `xen,xen-bootargs`; else `bootargs`, where dom0's stands elsewhere. Empty
    /// where there is none.
    @_lifetime(copy self)
    public func hypervisorArguments() -> Span<UInt8> {
        if let own = chosen("xen,xen-bootargs") { return own.string }
        let kernelHasOwn = module(.kernel).map { has("bootargs", of: $0.node) } ?? false
        let dom0HasOwn = chosen("xen,dom0-bootargs") != nil
        if kernelHasOwn || dom0HasOwn, let shared = chosen("bootargs") { return shared.string }
        return bytes.slice(from: 0, count: 0)
    }

    /// dom0's command line: `xen,dom0-bootargs`, else the kernel module's `bootargs`, else the `bootargs` of `/chosen`.
    /// Empty where there is none.
    @_lifetime(copy self)
    public func dom0Arguments() -> Span<UInt8> {
        if let own = chosen("xen,dom0-bootargs") { return own.string }
        if let kernel = module(.kernel), let own = self["bootargs", of: kernel.node], !own.bytes.isEmpty {
            return own.string
        }
        if let shared = chosen("bootargs") { return shared.string }
        return bytes.slice(from: 0, count: 0)
    }

    /// The console's device: `stdout-path` (or `linux,stdout-path`), by path or alias.
    public func consoleNode() -> Node? {
        let path = consolePath
        return node(at: path.slice(from: 0, count: path.firstIndex(of: UInt8(ascii: ":")) ?? path.count))
    }

    /// What follows the `:` in `stdout-path`, such as `115200n8`; empty where nothing does.
    @_lifetime(copy self)
    public func consoleOptions() -> Span<UInt8> {
        let path = consolePath
        return path.slice(from: path.firstIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? path.count)
    }

    private var consolePath: Span<UInt8> {
        @_lifetime(copy self) get {
            if let path = chosen("stdout-path") { return path.string }
            if let path = chosen("linux,stdout-path") { return path.string }
            return bytes.slice(from: 0, count: 0)
        }
    }
}
