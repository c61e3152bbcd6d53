// SPDX-License-Identifier: Apache-2.0

import Base

/// The value of `console=`: what the console speaks through.
///
///     var list = ConsoleList(line.text("console", default: .literal("com1,vga")))
///     while let name = list.next() { ... }
public struct ConsoleList: ~Escapable {
    /// A serial port may be shared with somebody who knows the bytes apart by their highest bit (Xen: SERHND_HI, SERHND_LO).
    public enum Share: Equatable, Sendable { case none, high, low }

    public enum Name: Equatable, Sendable {
        /// A PC's serial port, counted from 0.
        case com(Int, Share)
        /// The serial port that an ARM machine's device tree or `dtuart=` names.
        case deviceTree(Share)
        case vga
        /// The debug port of the Xen below, if there is one.
        case debugPort
        /// No console is wanted.
        case nothing
        /// What we have no driver for, or what nobody knows.
        case other
    }

    private var rest: OptionText
    /// The name that `next` has read last, as it stands.
    public private(set) var text: Span<UInt8>

    @_lifetime(copy text)
    public init(_ text: Span<UInt8>) {
        rest = OptionText(text)
        self.text = text.slice(from: 0, count: 0)
    }

    @_lifetime(self: copy self)
    public mutating func next() -> Name? {
        while !rest.isAtEnd {
            text = rest.piece(",")
            _ = rest.skip(",")
            if !text.isEmpty { return Self.name(text) }
        }
        return nil
    }

    private static func name(_ text: Span<UInt8>) -> Name {
        let names: InlineArray<5, (StaticString, Name)> = [
            ("vga", .vga), ("xen", .debugPort), ("none", .nothing), ("com1", .com(0, .none)), ("com2", .com(1, .none)),
        ]
        for index in names.indices where text.equals(names[index].0) { return names[index].1 }
        guard let last = text.byte(at: text.count - 1), let share = share(last) else {
            return text.equals("dtuart") ? .deviceTree(.none) : .other
        }
        let port = text.slice(from: 0, count: text.count - 1)
        if port.equals("com1") { return .com(0, share) }
        if port.equals("com2") { return .com(1, share) }
        return port.equals("dtuart") ? .deviceTree(share) : .other
    }

    private static func share(_ letter: UInt8) -> Share? {
        switch letter {
        case UInt8(ascii: "H"): .high
        case UInt8(ascii: "L"): .low
        default: nil
        }
    }
}
