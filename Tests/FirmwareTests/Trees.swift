// SPDX-License-Identifier: Apache-2.0

import Firmware
import Foundation

/// Device trees to test with: our own, compiled by dtc, and those of real machines.
enum Trees {
    static let fixtures = URL(filePath: "../Fixtures", relativeTo: URL(filePath: #filePath))

    /// `Tests/Fixtures/<name>.dts`, compiled.
    static func fixture(_ name: String) throws -> [UInt8] {
        let output = temporary()
        defer { try? FileManager.default.removeItem(at: output) }
        try run("dtc", ["-q", "-I", "dts", "-O", "dtb", "-o", output.path, fixtures.appending(path: "\(name).dts").path])
        return [UInt8](try Data(contentsOf: output))
    }

    /// A tree's source, compiled.
    static func compile(_ source: String) throws -> [UInt8] {
        let (input, output) = (temporary(), temporary())
        defer { for file in [input, output] { try? FileManager.default.removeItem(at: file) } }
        try Data(source.utf8).write(to: input)
        try run("dtc", ["-q", "-I", "dts", "-O", "dtb", "-o", output.path, input.path])
        return [UInt8](try Data(contentsOf: output))
    }

    /// The tree that QEMU makes for a `virt` machine.
    static func virt(_ options: String, arguments: [String] = ["-cpu", "cortex-a72"]) throws -> [UInt8] {
        let output = temporary()
        defer { try? FileManager.default.removeItem(at: output) }
        try run(
            "qemu-system-aarch64",
            ["-machine", "virt,\(options),dumpdtb=\(output.path)", "-display", "none"] + arguments)
        return [UInt8](try Data(contentsOf: output))
    }

    static func isInstalled(_ tool: String) -> Bool {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }
    }

    private static func temporary() -> URL {
        FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).dtb")
    }

    private static func run(_ tool: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [tool] + arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 { throw ToolFailed(tool: tool, status: process.terminationStatus) }
    }

    struct ToolFailed: Error {
        let tool: String
        let status: Int32
    }
}

extension String {
    init(_ text: Span<UInt8>) { self.init(decoding: text.indices.map { text[$0] }, as: UTF8.self) }
}

/// Hides a call on a view from the macros of Testing, which copy what a method is called on.
func got<Value>(_ value: Value) -> Value { value }
