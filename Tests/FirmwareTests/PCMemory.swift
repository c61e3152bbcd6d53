// SPDX-License-Identifier: Apache-2.0

/// The lower memory of a PC, with the structures that loaders and firmware leave in it. An index is a machine address.
struct PCMemory {
    var bytes: [UInt8]

    init(size: Int = 16384) { bytes = [UInt8](repeating: 0, count: size) }

    mutating func put(_ data: some Sequence<UInt8>, at address: Int) {
        for (offset, byte) in data.enumerated() { bytes[address + offset] = byte }
    }
    mutating func put(text: String, at address: Int) { put(Array(text.utf8) + [0], at: address) }
    mutating func put16(_ value: UInt16, at address: Int) { put([UInt8(value & 0xff), UInt8(value >> 8)], at: address) }
    mutating func put32(_ value: UInt32, at address: Int) {
        put((0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }, at: address)
    }
    mutating func put64(_ value: UInt64, at address: Int) {
        put((0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }, at: address)
    }

    /// Makes the sum of `count` bytes 0 by the one at `checksum`.
    mutating func seal(_ address: Int, count: Int, checksum: Int) {
        bytes[address + checksum] = 0
        let sum = bytes[address..<address + count].reduce(0, &+)
        bytes[address + checksum] = 0 &- sum
    }

    // MARK: Loaders

    static let usable: [(start: UInt64, size: UInt64, type: UInt32)] = [
        (0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0x10_0000, 0x3ff0_0000, 1), (0x3fff_0000, 0x1_0000, 3), (1 << 32, 1 << 30, 1),
    ]

    /// Multiboot 1 information at 0x1000: two modules, a memory map, a command line, the loader's name.
    static func multiboot1(loader: String = "qemu", flags: UInt32 = 0x24d) -> PCMemory {
        var memory = PCMemory()
        memory.put32(flags, at: 0x1000)
        memory.put32(639, at: 0x1004)
        memory.put32(0xffc00, at: 0x1008)
        memory.put32(0x1100, at: 0x1010)
        memory.put(text: "  /boot/xen console=com1 noreboot", at: 0x1100)
        memory.put32(2, at: 0x1014)
        memory.put32(0x1200, at: 0x1018)
        for (index, words) in ["vmlinuz root=/dev/sda", "initrd"].enumerated() {
            let record = 0x1200 + index * 16
            memory.put32(UInt32(0x20_0000 + index * 0x10_0000), at: record)
            memory.put32(UInt32(0x20_1234 + index * 0x10_0000), at: record + 4)
            memory.put32(UInt32(0x1300 + index * 0x40), at: record + 8)
            memory.put(text: words, at: 0x1300 + index * 0x40)
        }
        memory.put32(UInt32(usable.count * 24), at: 0x102c)
        memory.put32(0x1400, at: 0x1030)
        for (index, entry) in usable.enumerated() {
            memory.put32(20, at: 0x1400 + index * 24)
            memory.put64(entry.start, at: 0x1404 + index * 24)
            memory.put64(entry.size, at: 0x140c + index * 24)
            memory.put32(entry.type, at: 0x1414 + index * 24)
        }
        memory.put32(0x1600, at: 0x1040)
        memory.put(text: loader, at: 0x1600)
        return memory
    }

    /// Multiboot 2 information at 0x1000 of these tags, each without its header of 8 bytes.
    static func multiboot2(_ tags: [(type: UInt32, bytes: [UInt8])]) -> PCMemory {
        var memory = PCMemory()
        var position = 0x1008
        for tag in tags + [(0, [])] {
            memory.put32(tag.type, at: position)
            memory.put32(UInt32(tag.bytes.count + 8), at: position + 4)
            memory.put(tag.bytes, at: position + 8)
            position = (position + tag.bytes.count + 8 + 7) & ~7
        }
        memory.put32(UInt32(position - 0x1000), at: 0x1000)
        return memory
    }

    static func bytes32(_ values: UInt32...) -> [UInt8] {
        values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
    }
    static func bytes64(_ values: UInt64...) -> [UInt8] {
        values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
    }

    static var multiboot2Map: [UInt8] {
        bytes32(24, 0) + usable.flatMap { bytes64($0.start, $0.size) + bytes32($0.type, 0) }
    }

    static func multiboot2() -> PCMemory {
        multiboot2([
            (1, Array("console=com1\0".utf8)), (2, Array("GRUB 2.06\0".utf8)),
            (3, bytes32(0x20_0000, 0x20_1234) + Array("root=/dev/sda\0".utf8)), (6, multiboot2Map),
            (3, bytes32(0x30_0000, 0x30_1234) + [0]), (14, [UInt8](repeating: 1, count: 20)),
            (15, [UInt8](repeating: 2, count: 36)), (17, bytes32(48, 1) + [UInt8](repeating: 0, count: 96)),
            (99, [1, 2, 3]),
        ])
    }

    /// PVH start info at 0x1000.
    static func pvh(version: UInt32 = 1) -> PCMemory {
        var memory = PCMemory()
        memory.put32(0x336e_c578, at: 0x1000)
        memory.put32(version, at: 0x1004)
        memory.put32(1, at: 0x100c)
        memory.put64(0x1100, at: 0x1010)
        memory.put64(0x1200, at: 0x1018)
        memory.put64(0x1300, at: 0x1020)
        memory.put64(0x1400, at: 0x1028)
        memory.put32(UInt32(usable.count), at: 0x1030)
        memory.put(bytes64(0x20_0000, 0x1234, 0x1280), at: 0x1100)
        memory.put(text: "console=com1 maxcpus=1", at: 0x1200)
        memory.put(text: "words", at: 0x1280)
        memory.put(rootPointer(xsdt: 0x2000), at: 0x1300)
        memory.put(usable.flatMap { bytes64($0.start, $0.size) + bytes32($0.type, 0) }, at: 0x1400)
        return memory
    }

    // MARK: ACPI

    static func rootPointer(rsdt: UInt32 = 0, xsdt: UInt64 = 0) -> [UInt8] {
        var memory = PCMemory(size: 36)
        memory.put("RSD PTR ".utf8, at: 0)
        memory.bytes[15] = xsdt == 0 ? 0 : 2
        memory.put32(rsdt, at: 16)
        memory.put32(36, at: 20)
        memory.put64(xsdt, at: 24)
        memory.seal(0, count: 20, checksum: 8)
        memory.seal(0, count: 36, checksum: 32)
        return memory.bytes
    }

    /// A table with its header; the checksum is right.
    static func table(_ signature: String, revision: UInt8 = 3, _ body: [UInt8]) -> [UInt8] {
        var memory = PCMemory(size: 36 + body.count)
        memory.put(signature.utf8, at: 0)
        memory.put32(UInt32(36 + body.count), at: 4)
        memory.bytes[8] = revision
        memory.put("SWIFT  XEN     ".utf8, at: 10)
        memory.put(body, at: 36)
        memory.seal(0, count: 36 + body.count, checksum: 9)
        return memory.bytes
    }

    /// The root pointer at 0x1300, the XSDT at 0x2000, and these tables from 0x2100 on.
    static func acpi(_ tables: [[UInt8]]) -> PCMemory {
        var memory = PCMemory()
        // Twice: where a test changes the first, the second still leads to the tables.
        memory.put(rootPointer(xsdt: 0x2000), at: 0x1300)
        memory.put(rootPointer(xsdt: 0x2000), at: 0x3000)
        var addresses: [UInt64] = []
        var position = 0x2100
        for table in tables {
            memory.put(table, at: position)
            addresses.append(UInt64(position))
            position = (position + table.count + 15) & ~15
        }
        memory.put(table("XSDT", addresses.flatMap { bytes64($0) }), at: 0x2000)
        return memory
    }

    static var madt: [UInt8] {
        var body = bytes32(0xfee0_0000, 1)
        body += [0, 8, 0, 0] + bytes32(1)  // processor 0
        body += [0, 8, 1, 2] + bytes32(0)  // disabled
        body += [0, 8, 2, 0xff] + bytes32(1)  // no ID
        body += [9, 16, 0, 0] + bytes32(300, 1, 7)
        body += [1, 12, 5, 0] + bytes32(0xfec0_0000, 24)
        body += [2, 10, 0, 0] + bytes32(2) + [5, 0]
        body += [4, 6, 0xff, 5, 0, 1]
        body += [5, 12, 0, 0] + bytes64(0x1_fee0_0000)
        body += [10, 12, 5, 0] + bytes32(.max) + [1, 0, 0, 0]
        return table("APIC", body)
    }

    static func srat(revision: UInt8 = 3) -> [UInt8] {
        var body = [UInt8](repeating: 0, count: 12)
        body += [0, 16, 1, 4] + bytes32(1) + [0, 2, 0, 0] + bytes32(0)
        body += [0, 16, 1, 5] + bytes32(0, 0, 0)
        body += [1, 40] + bytes32(3) + [0, 0] + bytes64(0x10_0000, 0x1000_0000) + bytes32(0, 3) + bytes64(0)
        body += [1, 40] + bytes32(4) + [0, 0] + bytes64(0x10_0000, 0x1000_0000) + bytes32(0, 0) + bytes64(0)
        body += [2, 24, 0, 0] + bytes32(6, 300, 1, 0, 0)
        return table("SRAT", revision: revision, body)
    }

    static var slit: [UInt8] { table("SLIT", bytes64(2) + [10, 20, 21, 10]) }

    static var fadt: [UInt8] {
        var memory = PCMemory(size: 244)
        memory.put32(0x2f00, at: 4)
        memory.put32(0x604, at: 28)
        memory.put32(0x608, at: 40)
        memory.bytes[55] = 4
        memory.put16(0x3, at: 73)
        memory.put32(1 << 10 | 1 << 8, at: 76)
        memory.put([1, 8, 0, 1] + bytes64(0xcf9), at: 80)
        memory.bytes[92] = 0x0f
        return table("FACP", memory.bytes)
    }

    static var hpet: [UInt8] { table("HPET", bytes32(0x8086_a201) + [0, 64, 0, 0] + bytes64(0xfed0_0000) + [0, 0, 0, 0]) }
}
