// SPDX-License-Identifier: Apache-2.0

import Base

/// The hypervisor's command line (Xen: docs/misc/xen-command-line.pandoc): words `key=value`, `key` or `no-key`,
/// separated by spaces. Where a key stands more than once, the last one counts.
///
///     let line = CommandLine(tree.hypervisorArguments())
///     let console = line.text("console", default: .literal("dtuart"))
///     var words = line.words()
///     while let word = words.next() { log("word: ", word.text) }
///
/// What the options mean is `HypervisorOptions`' to say.
///
/// A double quote starts a part in which spaces belong to the word, where a second one ends it; a value that is quoted
/// as a whole is read without its quotes. Xen splits at every space, so no line that works there changes its meaning.
/// Values are case sensitive, suffixes of sizes are not.
public struct CommandLine: ~Escapable {
    /// The hypervisor's words, without what follows ` -- `.
    public let bytes: Span<UInt8>
    /// What follows ` -- `: words for dom0's kernel; empty where there is none.
    public let dom0Words: Span<UInt8>

    /// `bytes` end at the first NUL.
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>) {
        let line = bytes.text(from: 0)
        var own = line.count
        var rest = line.count
        var index = 0
        while index + 4 <= line.count {
            if line.slice(from: index, count: 4).equals(" -- ") {
                own = index
                rest = index + 4
                break
            }
            index += 1
        }
        self.bytes = line.slice(from: 0, count: own)
        dom0Words = line.slice(from: rest)
    }

    /// One word.
    public struct Word: ~Escapable {
        /// The whole word as it stands.
        public let text: Span<UInt8>
        /// What stands before the `=`, without the prefix `no-`.
        public let key: Span<UInt8>
        /// What follows the first `=`, without quotes; empty where there is none.
        public let value: Span<UInt8>
        /// Whether there is a `=`.
        public let hasValue: Bool
        /// What stands before the `=`, as it stands.
        public var name: Span<UInt8> {
            @_lifetime(copy self) get { text.slice(from: 0, count: isNegated ? key.count + 3 : key.count) }
        }
        /// Whether the prefix `no-` was there.
        public let isNegated: Bool

        @_lifetime(copy text)
        init(_ text: Span<UInt8>) {
            self.text = text
            let equals = text.firstIndex(of: UInt8(ascii: "="))
            let name = text.slice(from: 0, count: equals ?? text.count)
            isNegated = name.hasPrefix("no-")
            key = isNegated ? name.slice(from: 3) : name
            hasValue = equals != nil
            let value = text.slice(from: equals.map { $0 + 1 } ?? text.count)
            let quote = UInt8(ascii: "\"")
            let isQuoted = value.count >= 2 && value.byte(at: 0) == quote && value.byte(at: value.count - 1) == quote
            self.value = isQuoted ? value.slice(from: 1, count: value.count - 2) : value
        }
    }

    /// The words in their order.
    public struct Words: ~Escapable {
        let bytes: Span<UInt8>
        var position = 0

        @_lifetime(copy bytes)
        init(_ bytes: Span<UInt8>) { self.bytes = bytes }

        @_lifetime(copy self)
        public mutating func next() -> Word? {
            while isSpace(bytes.byte(at: position)) { position += 1 }
            guard position < bytes.count else { return nil }
            let start = position
            while position < bytes.count, !isSpace(bytes.byte(at: position)) {
                if bytes.byte(at: position) == UInt8(ascii: "\""),
                    let close = bytes.firstIndex(of: UInt8(ascii: "\""), from: position + 1)
                {
                    position = close
                }
                position += 1
            }
            return Word(bytes.slice(from: start, count: position - start))
        }

        private func isSpace(_ byte: UInt8?) -> Bool {
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
                || byte == UInt8(ascii: "\r")
        }
    }

    @_lifetime(copy self)
    public func words() -> Words { Words(bytes) }

    /// The last word with that key.
    @_lifetime(copy self)
    func word(_ key: StaticString) -> Word? {
        var words = words()
        // A ~Escapable value cannot be kept in a variable across the loop: its position can.
        var last: Int?
        while let word = words.next() {
            if word.key.equals(key) { last = words.position - word.text.count }
        }
        guard let last else { return nil }
        var again = Words(bytes.slice(from: last))
        return again.next()
    }

    /// The key's value as it stands; `fallback` where the key is not there or has no value.
    @_lifetime(copy self, copy fallback)
    public func text(_ key: StaticString, default fallback: Span<UInt8>) -> Span<UInt8> {
        guard let word = word(key), word.hasValue else { return fallback }
        return word.value
    }
}
