// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware
import Testing

/// What a `BootInformation` says, copied out of it.
struct BootFacts: Equatable {
    var commandLine = ""
    var words = ""
    var loader = ""
    var map: [MemoryMapEntry] = []
    var modules: [String] = []
    var rootPointer: [UInt8] = []
    var extent: [UInt64] = []

    init(_ information: BootInformation) {
        commandLine = String(information.commandLine)
        words = String(information.hypervisorWords)
        loader = String(information.loaderName)
        var entries = information.memoryMap()
        while let entry = entries.next() { map.append(entry) }
        for index in 0..<information.moduleCount {
            guard let module = information.module(index) else { break }
            modules.append("\(module.start.rawValue) \(module.size) \(String(module.words))")
        }
        let pointer = information.rootPointer
        for index in pointer.indices { rootPointer.append(pointer[index]) }
        extent = [information.extent.start, information.extent.size]
    }

    static func multiboot1(_ memory: PCMemory) throws -> BootFacts {
        BootFacts(try BootInformation(multiboot1: 0x1000, in: memory.bytes.span))
    }
    static func multiboot2(_ memory: PCMemory) throws -> BootFacts {
        BootFacts(try BootInformation(multiboot2: 0x1000, in: memory.bytes.span))
    }
    static func pvh(_ memory: PCMemory) throws -> BootFacts {
        BootFacts(try BootInformation(pvh: 0x1000, in: memory.bytes.span))
    }
}

@Suite struct BootInformationTests {
    static func checkMap(_ map: [MemoryMapEntry]) {
        #expect(map.map(\.start) == PCMemory.usable.map(\.start))
        #expect(map.map(\.size) == PCMemory.usable.map(\.size))
        #expect(map.map(\.kind) == [.usable, .reserved, .usable, .acpiReclaimable, .usable])
    }

    // MARK: Multiboot 1

    @Test func readsMultiboot1() throws {
        let facts = try BootFacts.multiboot1(.multiboot1())
        #expect(facts.words == "console=com1 noreboot")
        #expect(facts.loader == "qemu")
        #expect(facts.modules == ["2097152 4660 vmlinuz root=/dev/sda", "3145728 4660 initrd"])
        #expect(facts.rootPointer == [])
        #expect(facts.extent == [0x1000, 116])
        Self.checkMap(facts.map)
    }

    /// GRUB 2 leaves the image's name out; GRUB 0.97 does not.
    @Test(arguments: [("GRUB 2.06", "  /boot/xen console=com1 noreboot"), ("GRUB 0.97", "console=com1 noreboot")])
    func knowsWhoLeavesTheNameOut(loader: String, words: String) throws {
        #expect(try BootFacts.multiboot1(.multiboot1(loader: loader)).words == words)
    }

    @Test func doesWithoutAMemoryMap() throws {
        let facts = try BootFacts.multiboot1(.multiboot1(flags: 0x1))
        #expect(facts.map.map(\.start) == [0, 1 << 20])
        #expect(facts.map.map(\.size) == [639 << 10, 0xffc00 << 10])
        #expect(facts.commandLine == "")
        #expect(facts.modules == [])
    }

    @Test func followsEntriesOfTheirOwnSize() throws {
        var memory = PCMemory.multiboot1()
        memory.put32(24, at: 0x1400)  // the second entry starts four bytes later: nonsense, but no trap
        #expect(try BootFacts.multiboot1(memory).map.count < 6)
        memory.put32(19, at: 0x1400)
        #expect(try BootFacts.multiboot1(memory).map == [])
        memory.put32(.max, at: 0x1400)
        #expect(try BootFacts.multiboot1(memory).map.count == 1)
    }

    @Test func refusesWhatLiesOutside() {
        var memory = PCMemory.multiboot1()
        memory.put32(0x7fff_0000, at: 0x1030)
        #expect(throws: BootInformationError.unreadable(.memoryMap, address: 0x7fff_0000, size: 120)) {
            try BootFacts.multiboot1(memory)
        }
        memory = .multiboot1()
        memory.put32(.max, at: 0x1014)
        #expect(throws: BootInformationError.unreadable(.modules, address: 0x1200, size: UInt64(UInt32.max) * 16)) {
            try BootFacts.multiboot1(memory)
        }
        #expect(throws: BootInformationError.noMemoryMap) { try BootFacts.multiboot1(.multiboot1(flags: 0x4)) }
        let short = PCMemory(size: 0x1010)
        #expect(throws: BootInformationError.unreadable(.information, address: 0x1000, size: 116)) {
            try BootFacts.multiboot1(short)
        }
    }

    @Test func aModuleThatEndsBeforeItStartsIsEmpty() throws {
        var memory = PCMemory.multiboot1()
        memory.put32(0x1f_0000, at: 0x1204)
        #expect(try BootFacts.multiboot1(memory).modules[0] == "2097152 0 vmlinuz root=/dev/sda")
    }

    /// A text without an end is no text.
    @Test func textsEnd() throws {
        var memory = PCMemory.multiboot1()
        memory.put([UInt8](repeating: 0x41, count: memory.bytes.count - 0x1700), at: 0x1700)
        memory.put32(0x1700, at: 0x1010)
        #expect(try BootFacts.multiboot1(memory).commandLine == "")
    }

    // MARK: Multiboot 2

    @Test func readsMultiboot2() throws {
        let facts = try BootFacts.multiboot2(.multiboot2())
        #expect(facts.words == "console=com1")
        #expect(facts.loader == "GRUB 2.06")
        #expect(facts.modules == ["2097152 4660 root=/dev/sda", "3145728 4660 "])
        #expect(facts.rootPointer == [UInt8](repeating: 2, count: 36))
        Self.checkMap(facts.map)
    }

    /// Where there is only EFI's own map: conventional memory and what the boot services no longer need are usable.
    @Test func readsEFIsMap() throws {
        let types: [UInt32] = [7, 4, 1, 9, 10, 8, 6, 11, 0]
        let descriptors = types.enumerated().flatMap { index, type in
            PCMemory.bytes32(type, 0) + PCMemory.bytes64(UInt64(index) << 20, 0, 16, 0) + PCMemory.bytes64(0)
        }
        let facts = try BootFacts.multiboot2(.multiboot2([(17, PCMemory.bytes32(48, 1) + descriptors)]))
        #expect(
            facts.map.map(\.kind) == [
                .usable, .usable, .usable, .acpiReclaimable, .acpiNonVolatile, .unusable, .reserved, .reserved, .reserved,
            ])
        #expect(facts.map.allSatisfy { $0.size == 65536 })
        #expect(facts.map.map(\.start) == (0..<9).map { UInt64($0) << 20 })
    }

    @Test func refusesTagsThatCannotBe() {
        var memory = PCMemory.multiboot2()
        memory.put32(7, at: 0x100c)
        #expect(throws: BootInformationError.malformedTag(offset: 8)) { try BootFacts.multiboot2(memory) }
        memory.put32(0xffff_fff0, at: 0x100c)
        #expect(throws: BootInformationError.malformedTag(offset: 8)) { try BootFacts.multiboot2(memory) }
        memory.put32(0x10_0000, at: 0x1000)
        #expect(throws: BootInformationError.unreadable(.information, address: 0x1000, size: 0x10_0000)) {
            try BootFacts.multiboot2(memory)
        }
        #expect(throws: BootInformationError.noMemoryMap) {
            try BootFacts.multiboot2(.multiboot2([(1, [0])]))
        }
        // Entries of no bytes.
        let stuck: [(type: UInt32, bytes: [UInt8])] = [(6, PCMemory.bytes32(0, 0, 1, 2, 3))]
        #expect(throws: (any Error).self) { try BootFacts.multiboot2(.multiboot2(stuck)) }
    }

    // MARK: PVH

    @Test func readsPVH() throws {
        let facts = try BootFacts.pvh(.pvh())
        #expect(facts.words == "console=com1 maxcpus=1")
        #expect(facts.modules == ["2097152 4660 words"])
        #expect(facts.rootPointer == PCMemory.rootPointer(xsdt: 0x2000))
        Self.checkMap(facts.map)
    }

    @Test func refusesOtherStartInfos() {
        #expect(throws: BootInformationError.noMemoryMap) { try BootFacts.pvh(.pvh(version: 0)) }
        var memory = PCMemory.pvh()
        memory.put32(1, at: 0x1000)
        #expect(throws: BootInformationError.badMagic(1, expected: 0x336e_c578)) { try BootFacts.pvh(memory) }
        memory = .pvh()
        memory.put64(1 << 63, at: 0x1010)
        #expect(throws: BootInformationError.unreadable(.modules, address: 1 << 63, size: 32)) { try BootFacts.pvh(memory) }
        memory = .pvh()
        memory.put64(.max, at: 0x1028)
        #expect(throws: BootInformationError.unreadable(.memoryMap, address: .max, size: 120)) { try BootFacts.pvh(memory) }
    }
}
