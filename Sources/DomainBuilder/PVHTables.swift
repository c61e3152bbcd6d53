// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware

/// The ACPI tables that a PVH hardware domain gets of its own (Xen: pvh_setup_acpi): root pointer, XSDT and MADT. What
/// else the host has is listed where it is, as far as it describes nothing of the hypervisor's.
public struct PVHTables: Sendable {
    /// A line of the ISA bus that is another global interrupt, or not edge-triggered and active high.
    public struct Override: BitwiseCopyable, Sendable {
        public var line: UInt8 = 0
        public var interrupt: UInt32 = 0
        public var flags: UInt16 = 0
        public init(line: UInt8 = 0, interrupt: UInt32 = 0, flags: UInt16 = 0) {
            self.line = line
            self.interrupt = interrupt
            self.flags = flags
        }
    }

    public var vcpus: UInt32 = 1
    /// APIC ID of each vCPU, by its number.
    public var apicIDStep: UInt32 = 2
    public var ioAPIC: UInt32 = 0
    public var ioAPICID: UInt8 = 0
    public var overrides = InlineArray<16, Override>(repeating: Override())
    public var overrideCount = 0
    /// Machine addresses of tables that are handed on.
    public var others = InlineArray<32, UInt64>(repeating: 0)
    public var otherCount = 0

    public init() {}

    /// Tables that a hardware domain may see besides its own (Xen: pvh_acpi_table_allowed).
    public static func isHandedOn(_ table: Span<UInt8>) -> Bool {
        let names: InlineArray<7, StaticString> = ["FACP", "SSDT", "PSDT", "SBST", "MCFG", "SLIC", "MSDM"]
        for index in names.indices where table.hasPrefix(names[index]) { return true }
        return false
    }

    public mutating func addOverride(_ override: Override) {
        guard overrideCount < overrides.count else { return }
        overrides[overrideCount] = override
        overrideCount += 1
    }

    /// False where there are more than can be listed.
    public mutating func addTable(_ address: UInt64) -> Bool {
        guard otherCount < others.count else { return false }
        others[otherCount] = address
        otherCount += 1
        return true
    }

    // MARK: Writing

    private enum Header {
        static var size: Int { 36 }
        static var rootPointerSize: Int { 36 }
    }

    /// Fills `bytes`, which the guest has at `address`, with the root pointer first. False where there is no room.
    public func write(into bytes: inout MutableSpan<UInt8>, at address: UInt64) -> Bool {
        var writer = TableWriter(position: 64)
        let madt = writer.position
        writeMADT(&bytes, &writer)
        let xsdt = writer.position
        let start = writer.begin("XSDT", revision: 1, &bytes)
        writer.put(address + UInt64(madt), &bytes)
        for index in 0..<otherCount { writer.put(others[index], &bytes) }
        writer.end(start, &bytes)
        writeRootPointer(&bytes, xsdt: address + UInt64(xsdt))
        return !writer.isFull
    }

    private func writeRootPointer(_ bytes: inout MutableSpan<UInt8>, xsdt: UInt64) {
        var writer = TableWriter(position: 0)
        writer.put("RSD PTR ", &bytes)
        writer.put(0 as UInt8, &bytes)
        writer.put("SWXEN ", &bytes)
        writer.put(2 as UInt8, &bytes)
        writer.put(0 as UInt32, &bytes)
        writer.put(UInt32(Header.rootPointerSize), &bytes)
        writer.put(xsdt, &bytes)
        writer.put(0 as UInt32, &bytes)
        TableWriter.setChecksum(&bytes, from: 0, count: 20, at: 8)
        TableWriter.setChecksum(&bytes, from: 0, count: Header.rootPointerSize, at: 32)
    }

    /// ACPI 6.5, 5.2.12.
    private func writeMADT(_ bytes: inout MutableSpan<UInt8>, _ writer: inout TableWriter) {
        let start = writer.begin("APIC", revision: 3, &bytes)
        writer.put(0xfee0_0000 as UInt32, &bytes)
        // No 8259s.
        writer.put(0 as UInt32, &bytes)
        for number in 0..<vcpus {
            let id = number * apicIDStep
            if id < 255 {
                writer.put([0, 8, UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: id)], &bytes)
                writer.put(1 as UInt32, &bytes)
            } else {
                writer.put(9 as UInt8, &bytes)
                writer.put(16 as UInt8, &bytes)
                writer.put(0 as UInt16, &bytes)
                writer.put(id, &bytes)
                writer.put(1 as UInt32, &bytes)
                writer.put(number, &bytes)
            }
        }
        writer.put([1, 12, ioAPICID, 0], &bytes)
        writer.put(ioAPIC, &bytes)
        writer.put(0 as UInt32, &bytes)
        for index in 0..<overrideCount {
            writer.put([2, 10, 0, overrides[index].line], &bytes)
            writer.put(overrides[index].interrupt, &bytes)
            writer.put(overrides[index].flags, &bytes)
        }
        writer.end(start, &bytes)
    }
}

/// Puts numbers into a span one after the other. Past its end nothing is written, and `isFull` says so.
struct TableWriter {
    private(set) var position: Int
    private(set) var isFull = false

    init(position: Int) { self.position = position }

    mutating func put<Number: FixedWidthInteger>(_ number: Number, _ bytes: inout MutableSpan<UInt8>) {
        for index in 0..<MemoryLayout<Number>.size {
            guard position < bytes.count else {
                isFull = true
                return
            }
            bytes[position] = UInt8(truncatingIfNeeded: number >> Number(index * 8))
            position += 1
        }
    }

    mutating func put(_ text: StaticString, _ bytes: inout MutableSpan<UInt8>) {
        let letters = text.bytes
        for index in letters.indices { put(letters[index], &bytes) }
    }

    mutating func put(_ four: InlineArray<4, UInt8>, _ bytes: inout MutableSpan<UInt8>) {
        for index in 0..<4 { put(four[index], &bytes) }
    }

    mutating func align() { position = (position + 15) & ~15 }

    /// A table's header (ACPI 6.5, 5.2.6). Returns where it starts.
    mutating func begin(_ signature: StaticString, revision: UInt8, _ bytes: inout MutableSpan<UInt8>) -> Int {
        let start = position
        put(signature, &bytes)
        put(0 as UInt32, &bytes)
        put(revision, &bytes)
        put(0 as UInt8, &bytes)
        put("SWXEN ", &bytes)
        put("SWIFTXEN", &bytes)
        put(1 as UInt32, &bytes)
        put("SWXN", &bytes)
        put(1 as UInt32, &bytes)
        return start
    }

    mutating func end(_ start: Int, _ bytes: inout MutableSpan<UInt8>) {
        guard !isFull else { return }
        let size = position - start
        for index in 0..<4 { bytes[start + 4 + index] = UInt8(truncatingIfNeeded: size >> (index * 8)) }
        Self.setChecksum(&bytes, from: start, count: size, at: start + 9)
        align()
    }

    /// Makes all bytes add up to 0.
    static func setChecksum(_ bytes: inout MutableSpan<UInt8>, from start: Int, count: Int, at place: Int) {
        guard start + count <= bytes.count, place < bytes.count else { return }
        bytes[place] = 0
        var sum: UInt8 = 0
        for index in start..<start + count { sum &+= bytes[index] }
        bytes[place] = 0 &- sum
    }
}
