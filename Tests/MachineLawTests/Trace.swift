// SPDX-License-Identifier: Apache-2.0

/// The last operations, for whoever reads of a failure. Kept as numbers; text is made only of those that are printed.
struct Trace {
    struct Line {
        var depth: UInt8 = 0
        var domain: UInt16 = 0
        var name: StaticString = ""
        var values: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        var result: Int64?
    }

    private var lines = [Line](repeating: Line(), count: 64)
    private(set) var count = 0

    mutating func add(_ line: Line) -> Int {
        lines[count & 63] = line
        count += 1
        return count - 1
    }

    mutating func set(_ result: Int64, of number: Int) {
        if count - number <= 64 { lines[number & 63].result = result }
    }

    /// Each on a line of its own.
    var text: String {
        (max(0, count - 64)..<count).map { number in
            let line = lines[number & 63]
            let values = [line.values.0, line.values.1, line.values.2, line.values.3].map { "0x" + String($0, radix: 16) }
            let indent = String(repeating: "    ", count: Int(line.depth))
            return "\n  \(indent)d\(line.domain) \(line.name)(\(values.joined(separator: ", ")))"
                + (line.result.map { " = \($0)" } ?? "")
        }.joined()
    }
}
