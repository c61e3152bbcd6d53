// SPDX-License-Identifier: Apache-2.0

import Foundation
import XenABI

/// One thing that Swift and the C headers must agree on: a constant C expression and what Swift says it is.
struct Fact {
    let expression: String
    let value: Int128
    /// What it is called in Swift.
    let name: String
}

/// A bit field: it has no offset in C, so the check sets it in a zeroed structure and looks where the ones went.
struct BitField {
    let structure: String
    let field: String
    /// Byte offset and bits of the integer that it is part of.
    let offset: Int
    let width: Int
    let mask: UInt64
}

/// A kind of caller: a compilation target of the C headers.
struct Caller: CustomStringConvertible, Sendable {
    let description: String
    let target: String
    let isARM: Bool

    static let x86_64 = Caller(description: "x86-64", target: "x86_64-linux-gnu", isARM: false)
    static let x86_32 = Caller(description: "x86-32", target: "i386-linux-gnu", isARM: false)
    static let arm64 = Caller(description: "arm64", target: "aarch64-linux-gnu", isARM: true)
    static let arm32 = Caller(description: "arm32", target: "armv7a-linux-gnueabihf", isARM: true)
}

/// Collects facts from Swift's side.
struct Facts {
    private(set) var all: [Fact] = []
    private(set) var bitFields: [BitField] = []
    /// Bytes of structures that no field has.
    private(set) var holes: [String] = []

    /// Size of a structure, and offset and size of each field.
    mutating func structure<T>(_ c: String, _ type: T.Type, _ fields: KeyValuePairs<String, PartialKeyPath<T>>) {
        add("sizeof(\(c))", MemoryLayout<T>.stride, "\(T.self)")
        holes += XenABITests.holes(in: type)
        self.fields(c, type, fields)
    }

    /// Offset and size of each field: also of a structure that begins as others do.
    mutating func fields<T>(_ c: String, _ type: T.Type, _ fields: KeyValuePairs<String, PartialKeyPath<T>>) {
        for (field, path) in fields {
            let name = "\(T.self).\(field)"
            add("offsetof(\(c), \(field))", MemoryLayout<T>.offset(of: path)!, name)
            add("sizeof(((\(c) *)0)->\(field))", size(Swift.type(of: path).valueType), name)
        }
    }

    /// Values of an enumeration's cases, `prefix` standing before each C name.
    mutating func cases<T: RawRepresentable>(_ prefix: String, _ cases: KeyValuePairs<String, T>)
    where T.RawValue: BinaryInteger {
        for (c, value) in cases { add(prefix + c, value.rawValue, "\(T.self).\(value)") }
    }

    mutating func values<T: BinaryInteger>(_ prefix: String, _ values: KeyValuePairs<String, T>) {
        for (c, value) in values { add(prefix + c, value, c) }
    }

    mutating func add<T: BinaryInteger>(_ expression: String, _ value: T, _ name: String) {
        all.append(Fact(expression: expression, value: Int128(value), name: name))
    }

    /// Bits of `field`, a bit field of `c`, in the integer at byte `offset`.
    mutating func bits<T: FixedWidthInteger>(_ c: String, _ field: String, at offset: Int, _ mask: T) {
        bitFields.append(
            BitField(structure: c, field: field, offset: offset, width: T.bitWidth, mask: UInt64(mask)))
    }

    private func size(_ type: Any.Type) -> Int {
        func stride<T>(_ type: T.Type) -> Int { MemoryLayout<T>.stride }
        return stride(type)
    }
}

enum HeaderCheck {
    static let headers = "/usr/include/xen"

    /// What the C compiler says against `facts`: one line per difference.
    static func differences(_ facts: [Fact], for caller: Caller) throws -> [String] {
        try errors(in: program(facts), ["-fsyntax-only"], for: caller)
    }

    /// The same against bit fields. No constant expression says where one lies: the optimiser is asked, and a call that it leaves
    /// standing is an error.
    static func differences(_ fields: [BitField], for caller: Caller) throws -> [String] {
        try errors(in: program(fields), ["-O2", "-S", "-o", "/dev/null"], for: caller)
    }

    private static func errors(in source: String, _ options: [String], for caller: Caller) throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("xenabi-\(UUID()).c")
        try source.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let clang = Process()
        clang.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        clang.arguments =
            ["clang", "--target=\(caller.target)", "-std=gnu11", "-ffreestanding", "-nostdlibinc", "-w"] + options + [
                "-ferror-limit=0", "-fno-caret-diagnostics", "-D__XEN_TOOLS__", "-I", headers, file.path,
            ]
        let pipe = Pipe()
        clang.standardError = pipe
        try clang.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        clang.waitUntilExit()
        let lines = output.split(separator: "\n").map(String.init).filter { $0.contains("error:") }
        return lines.isEmpty && clang.terminationStatus != 0 ? ["clang failed: \(output)"] : lines
    }

    private static var preamble: String {
        let includes = [
            "xen.h", "errno.h", "version.h", "features.h", "memory.h", "event_channel.h", "grant_table.h", "vcpu.h",
            "sched.h", "domctl.h", "sysctl.h", "hvm/hvm_op.h", "hvm/params.h", "physdev.h", "platform.h",
            "arch-x86/hvm/start_info.h",
            "hvm/dm_op.h", "hvm/ioreq.h", "hvm/e820.h", "hvm/hvm_info_table.h", "hvm/hvm_vcpu.h", "hvm/save.h", "hypfs.h",
        ]
        var text = "#include <stdint.h>\n#include <stddef.h>\n"
        text += includes.map { "#include \"\($0)\"\n" }.joined()
        return text
    }

    private static func program(_ facts: [Fact]) -> String {
        var text = preamble
        for fact in facts {
            let value = fact.value > Int128(Int64.max) ? "\(fact.value)ULL" : "\(fact.value)LL"
            text += "_Static_assert((\(fact.expression)) == \(value), \"Swift's \(fact.name) is \(fact.value)\");\n"
        }
        return text
    }

    private static func program(_ fields: [BitField]) -> String {
        var text = preamble
        for (index, field) in fields.enumerated() {
            let integer = "uint\(field.width)_t"
            text += """
                __attribute__((error("Swift's \(field.structure).\(field.field) is \(field.mask)"))) void difference\(index)(void);
                void check\(index)(void) {
                    union { \(field.structure) s; unsigned char bytes[sizeof(\(field.structure))]; } u;
                    \(integer) word;
                    __builtin_memset(&u, 0, sizeof(u));
                    u.s.\(field.field) = ~0;
                    __builtin_memcpy(&word, u.bytes + \(field.offset), sizeof(word));
                    if (word != (\(integer))\(field.mask)ULL) difference\(index)();
                }

                """
        }
        return text
    }
}
