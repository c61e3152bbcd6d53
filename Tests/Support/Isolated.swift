// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Runs of a model in processes of their own: what stops the hypervisor stops those, so that sequences that trap can be shrunk too.
public enum Isolated {
    /// Seconds after which a run is taken to hang.
    private static let patience: UInt32 = 60

    /// How a run of these steps fails, or nil.
    public static func failure<Session: ModelSession>(
        of steps: some Collection<Int>, _ seed: UInt64, _ make: (UInt64) throws -> Session
    ) -> (step: Int, text: String)? {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        let child = fork()
        if child == 0 {
            alarm(patience)
            let found = Randomised.failure(of: steps, seed, make) { step in Last.write(step, to: ends[1]) }
            let text = Array("\(found.map { "\($0.0) \($0.1)" } ?? "")".utf8)
            Last.write(found == nil ? -1 : -2, to: ends[1])
            text.withUnsafeBytes { _ = write(ends[1], $0.baseAddress, $0.count) }
            _exit(0)
        }
        close(ends[1])
        let bytes = read(all: ends[0])
        close(ends[0])
        var status: Int32 = 0
        waitpid(child, &status, 0)
        return result(bytes, signal: status & 0x7F)
    }

    /// A child tells of each step that it begins, eight bytes each; then -1, or -2 and the text.
    private static func result(_ bytes: [UInt8], signal: Int32) -> (step: Int, text: String)? {
        var last = 0
        var place = 0
        while place + 8 <= bytes.count {
            let step = bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: place, as: Int64.self)) }
            place += 8
            if step == -1 { return nil }
            if step == -2 {
                let text = String(decoding: bytes[place...], as: UTF8.self)
                let number = text.prefix { $0.isNumber }
                return (Int(number) ?? last, String(text.dropFirst(number.count + 1)))
            }
            last = step
        }
        return (last, signal == SIGALRM ? "hangs" : "the hypervisor stops (signal \(signal))")
    }

    private static func read(all end: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes { Foundation.read(end, $0.baseAddress, $0.count) }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }

    private enum Last {
        static func write(_ step: Int, to end: Int32) {
            var word = Int64(step)
            _ = Foundation.write(end, &word, 8)
        }
    }

    /// As few of the steps as still fail, or no more than `wanted`, and how.
    public static func shrink<Session: ModelSession>(
        _ steps: [Int], _ seed: UInt64, _ make: (UInt64) throws -> Session, to wanted: Int = 0
    ) -> ([Int], String) {
        guard let first = failure(of: steps, seed, make) else { return (steps, "does not fail again") }
        return Randomised.shrink(steps, first.text, to: wanted) { failure(of: $0, seed, make) }
    }
}
