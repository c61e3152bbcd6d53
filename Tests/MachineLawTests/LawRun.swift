// SPDX-License-Identifier: Apache-2.0

import Foundation
import P2M
import Support

/// Many machines' lives, one after the other, each with a seed of its own.
///
/// `XEN_MODEL_SEED` gives the first seed, `XEN_LAW_STEPS` the operations of all lives. With `XEN_LAW_ISOLATED` each life is a
/// process of its own, for seeds with which the hypervisor stops.
struct LawRun<Format: EntryFormat> {
    /// Operations of one life.
    static var partSize: Int { 20_000 }

    private let name: String
    private let format: Format
    private let isX86: Bool

    init(_ name: String, _ format: Format, isX86: Bool) {
        (self.name, self.format, self.isX86) = (name, format, isX86)
    }

    private static var environment: [String: String] { ProcessInfo.processInfo.environment }

    /// Nil where the law held; else the seed, and the operations that break it, as few as could be found.
    func disagreement() -> String? {
        let steps = Self.environment["XEN_LAW_STEPS"].flatMap { Int($0) } ?? 20_000 * Randomised.scale
        let isIsolated = Self.environment["XEN_LAW_ISOLATED"] != nil
        let first = Randomised.seed(run: 0)
        let parts = max(1, steps / Self.partSize)
        let start = Date()
        for part in 0..<parts {
            let seed = first &+ UInt64(part)
            let failing =
                isIsolated
                ? Isolated.failure(of: 0..<Self.partSize, seed, make(every: 100))
                : Randomised.failure(of: 0..<Self.partSize, seed, make(every: 100)).map { ($0.0, $0.1) }
            guard let failing else { continue }
            print("law of the machine (\(name)): seed \(seed) fails at step \(failing.0): \(failing.1)")
            // Everything is looked at after each step once there are few.
            let (some, _) = Isolated.shrink(Array(0...failing.0), seed, make(every: 50), to: 400)
            let (short, error) = Isolated.shrink(some, seed, make(every: 1))
            return "\(name): seed \(seed), step \(failing.0) of part \(part); shrunk to steps \(short): \(error)"
        }
        let rate = Double(parts * Self.partSize) / Date().timeIntervalSince(start)
        print("law of the machine (\(name)): seed \(first), \(parts * Self.partSize) operations, \(Int(rate)) a second")
        return nil
    }

    private func make(every: Int) -> (UInt64) throws -> LawSession<Format> {
        { try LawSession(format: format, isX86: isX86, seed: $0, every: every) }
    }
}
