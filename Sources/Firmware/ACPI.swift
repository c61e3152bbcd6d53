// SPDX-License-Identifier: Apache-2.0

/// ACPI's tables (ACPI 6.5, chapter 5.2), found from the root pointer on. What lies outside of what may be read, or is
/// shorter than it must be, is as if it were not there; `unreadable` counts it.
///
///     let acpi = ACPI(rootPointer: pointer, in: memory)
///     if let madt = acpi?.table("APIC") { var list = ACPI.Processors(madt) ... }
public struct ACPI: ~Escapable {
    let memory: Span<UInt8>
    /// The XSDT or the RSDT, which list the other tables.
    let root: Span<UInt8>
    /// Bytes of an address in `root`: 8 or 4.
    let addressSize: Int

    /// Every table starts with 36 bytes: signature, length, revision, checksum and who made it.
    static var headerSize: Int { 36 }

    /// Nil where `rootPointer` is none, or leads nowhere.
    @_lifetime(copy memory)
    public init?(rootPointer: Span<UInt8>, in memory: Span<UInt8>) {
        guard Self.isRootPointer(rootPointer) else { return nil }
        let extended = (rootPointer.byte(at: 15) ?? 0) >= 2 ? rootPointer.littleEndian64(at: 24) ?? 0 : 0
        self.memory = memory
        if extended != 0, let table = Self.table(at: extended, in: memory) {
            root = table
            addressSize = 8
        } else if let table = Self.table(at: UInt64(rootPointer.littleEndian32(at: 16) ?? 0), in: memory) {
            root = table
            addressSize = 4
        } else {
            return nil
        }
    }

    /// The signature, and the checksum over the 20 bytes of version 1.
    static func isRootPointer(_ bytes: Span<UInt8>) -> Bool {
        bytes.count >= 20 && bytes.hasPrefix("RSD PTR ") && bytes.slice(from: 0, count: 20).byteSum == 0
    }

    /// The root pointer where a BIOS leaves it (ACPI 6.5, 5.2.5.1): in the first KiB of the extended BIOS data area, or
    /// between 0xe0000 and 0xfffff, on a 16-byte boundary. Empty where there is none.
    @_lifetime(copy memory)
    public static func findRootPointer(in memory: Span<UInt8>) -> Span<UInt8> {
        let biosData = Int(memory.littleEndian16(at: 0x40e) ?? 0) << 4
        let places: InlineArray<2, (start: Int, size: Int)> = [(biosData, 1024), (0xe0000, 0x20000)]
        for index in places.indices where places[index].start >= 0x400 {
            for offset in stride(from: places[index].start, to: places[index].start + places[index].size, by: 16) {
                let candidate = memory.slice(from: offset, count: 36)
                if isRootPointer(candidate) { return candidate }
            }
        }
        return memory.slice(from: 0, count: 0)
    }

    /// The table at `address`, as long as its header says; nil where that cannot be.
    @_lifetime(copy memory)
    static func table(at address: UInt64, in memory: Span<UInt8>) -> Span<UInt8>? {
        guard address != 0, let header = memory.bytes(at: address, count: UInt64(headerSize)),
            let length = header.littleEndian32(at: 4), length >= UInt32(headerSize)
        else { return nil }
        return memory.bytes(at: address, count: UInt64(length))
    }

    /// Tables that the root lists.
    public var count: Int { (root.count - Self.headerSize) / addressSize }

    private func address(_ index: Int) -> UInt64 {
        let offset = Self.headerSize + index * addressSize
        return addressSize == 8 ? root.littleEndian64(at: offset) ?? 0 : UInt64(root.littleEndian32(at: offset) ?? 0)
    }

    /// Addresses that lead to no table.
    public var unreadable: Int {
        var sum = 0
        for index in 0..<count where Self.table(at: address(index), in: memory) == nil { sum += 1 }
        return sum
    }

    /// The first table with that signature: "APIC", "SRAT", ...
    @_lifetime(copy self)
    public func table(_ signature: StaticString) -> Span<UInt8>? {
        for index in 0..<count {
            if let table = Self.table(at: address(index), in: memory), table.hasPrefix(signature) { return table }
        }
        return nil
    }

    /// Calls `body` with the place of each table that can be read: the list itself and all that it names.
    public func forEachTable(_ body: (_ address: UInt64, _ table: Span<UInt8>) -> Void) {
        for index in 0..<count {
            if let table = Self.table(at: address(index), in: memory) { body(address(index), table) }
        }
    }
}

/// Structures that follow each other after a table's fixed part, each with its type and its length in bytes
/// (MADT, SRAT).
struct ACPISubtables: ~Escapable {
    let table: Span<UInt8>
    var position: Int

    @_lifetime(copy table)
    init(_ table: Span<UInt8>, from start: Int) {
        self.table = table
        position = start
    }

    /// The next one, header included; nil at the end, or where a length cannot be.
    @_lifetime(copy self)
    mutating func next() -> Span<UInt8>? {
        guard let length = table.byte(at: position + 1), length >= 2, position + Int(length) <= table.count else {
            return nil
        }
        let start = position
        position += Int(length)
        return table.slice(from: start, count: Int(length))
    }
}
