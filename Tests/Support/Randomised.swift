// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Random operations on something, beside a model of it that cannot be wrong.
///
/// What a step does may depend on what the steps before have left, and on `random`, which is set before each step to a
/// sequence of the step's own: so a run with some of its steps left out does the others as it did.
public protocol ModelSession {
    var random: SplitMix { get set }
    /// Throws a `Disagreement`.
    mutating func step() throws
    /// Takes everything apart, and looks whether anything is left.
    mutating func finish() throws
}

/// What the thing did and the model did not expect.
public struct Disagreement: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

extension ModelSession {
    public func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        if !condition { throw Disagreement(text()) }
    }

    /// The operation throws this error, and nothing else happens.
    public func refuses<E: Error & Equatable>(_ wanted: E, _ operation: () throws -> Void) throws {
        do {
            try operation()
        } catch let error as E {
            return try expect(error == wanted, "\(error) instead of \(wanted)")
        }
        throw Disagreement("no error instead of \(wanted)")
    }
}

public enum Randomised {
    /// How many times as much is done as in a quick run (`make unit`: 32).
    public static let scale = ProcessInfo.processInfo.environment["XEN_MODEL_SCALE"].flatMap { Int($0) } ?? 1

    /// The seed of a run: another one each time, unless `XEN_MODEL_SEED` says which.
    public static func seed(run: Int) -> UInt64 {
        let given = ProcessInfo.processInfo.environment["XEN_MODEL_SEED"].flatMap { UInt64($0) }
        return (given ?? UInt64.random(in: 0 ... .max)) &+ UInt64(run)
    }

    /// `quick` steps, times the scale. Nil where all agreed; else the seed, and as few of its steps as still fail.
    public static func disagreement<Session: ModelSession>(
        _ name: String, steps quick: Int, seed: UInt64, _ make: (UInt64) throws -> Session
    ) -> String? {
        let steps = quick * scale
        guard let (failing, _) = failure(of: 0..<steps, seed, make) else {
            print("model of \(name): seed \(seed), \(steps) operations")
            return nil
        }
        let (short, error) = shrink(Array(0...failing), seed, make)
        return "\(name): seed \(seed), step \(failing); shrunk to steps \(short): \(error)"
    }

    /// The step at which a run of these steps fails, and how. The end counts as the step after the last.
    public static func failure<Session: ModelSession>(
        of steps: some Collection<Int>, _ seed: UInt64, _ make: (UInt64) throws -> Session, before: (Int) -> Void = { _ in }
    ) -> (Int, String)? {
        var last = 0
        do {
            var session = try make(seed)
            for step in steps {
                last = step
                before(step)
                session.random = SplitMix(state: seed ^ UInt64(step) &* 0xD6E8_FEB8_6659_FD93)
                try session.step()
            }
            last += 1
            try session.finish()
            return nil
        } catch {
            return (last, "\(error)")
        }
    }

    /// Leaves out ever smaller parts of the steps for as long as the rest still fails, within a bounded number of runs.
    static func shrink<Session: ModelSession>(
        _ steps: [Int], _ seed: UInt64, _ make: (UInt64) throws -> Session
    ) -> ([Int], String) {
        let message = failure(of: steps, seed, make)?.1 ?? "does not fail again"
        return shrink(steps, message) { failure(of: $0, seed, make) }
    }

    static func shrink(
        _ steps: [Int], _ message: String, to wanted: Int = 0, _ failure: ([Int]) -> (step: Int, text: String)?
    ) -> ([Int], String) {
        var (steps, message) = (steps, message)
        var part = max(steps.count / 2, 1)
        var runs = 0
        while runs < 2000, steps.count > wanted {
            var start = 0
            var isShorter = false
            while start < steps.count, runs < 2000, steps.count > wanted {
                var fewer = steps
                fewer.removeSubrange(start..<min(start + part, steps.count))
                runs += 1
                if let found = failure(fewer) {
                    // Nothing after the step that failed was done.
                    fewer.removeAll { $0 > found.step }
                    (steps, message, isShorter) = (fewer, found.text, true)
                } else {
                    start += part
                }
            }
            if part == 1 && !isShorter { break }
            part = max(part / 2, 1)
        }
        return (steps, message)
    }
}
