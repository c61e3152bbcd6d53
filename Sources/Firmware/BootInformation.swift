// SPDX-License-Identifier: Apache-2.0

public import Base

/// Why what a PC's boot loader left cannot be used.
public enum BootInformationError: Error, Equatable, Sendable {
    /// A part that says it is where nothing can be read.
    case unreadable(Part, address: UInt64, size: UInt64)
    /// The magic number of a PVH start info.
    case badMagic(UInt32, expected: UInt32)
    /// A tag of multiboot 2, this many bytes from the start, whose size cannot be.
    case malformedTag(offset: Int)
    /// The loader says nothing about memory.
    case noMemoryMap

    public enum Part: Sendable {
        case information, modules, memoryMap
    }
}

/// What a PC's boot loader tells: command line, memory map, modules, where ACPI's tables start. One view of multiboot 1,
/// multiboot 2 and PVH, for which `init(multiboot1:)` and its likes are in files of their own.
public struct BootInformation: ~Escapable {
    /// How modules are listed.
    enum ModuleFormat {
        /// Records of 16 bytes: start, end, string (Multiboot 0.6.96, 3.3).
        case multiboot1
        /// Tags of type 3 (Multiboot 2.0, 3.6.6).
        case tags
        /// Records of 32 bytes: address, size, string (Xen: hvm_modlist_entry).
        case pvh
    }

    let memory: Span<UInt8>
    /// The loader's structure itself.
    public internal(set) var extent: (start: UInt64, size: UInt64)
    /// As the loader gave it; see `hypervisorWords`.
    public internal(set) var commandLine: Span<UInt8>
    /// What the loader calls itself; empty where it does not say.
    public internal(set) var loaderName: Span<UInt8>
    /// ACPI's root pointer; empty where the loader has none and the firmware's is to be looked for.
    public internal(set) var rootPointer: Span<UInt8>
    /// Whether the command line starts with the name of the image.
    var startsWithImageName = true
    var map: Span<UInt8>
    var mapFormat: MemoryMap.Format
    var modules: Span<UInt8>
    var moduleFormat: ModuleFormat

    @_lifetime(copy memory)
    init(memory: Span<UInt8>, start: UInt64, size: UInt64, moduleFormat: ModuleFormat) {
        let nothing = memory.slice(from: 0, count: 0)
        self.memory = memory
        extent = (start, size)
        commandLine = nothing
        loaderName = nothing
        rootPointer = nothing
        map = nothing
        mapFormat = .sizes(lower: 0, upper: 0)
        modules = nothing
        self.moduleFormat = moduleFormat
    }

    @_lifetime(copy self)
    public func memoryMap() -> MemoryMap { MemoryMap(map, mapFormat) }

    /// The hypervisor's words: without the image's own name, which GRUB 2 and PVH leave out (Xen: cmdline_cook).
    public var hypervisorWords: Span<UInt8> {
        @_lifetime(copy self) get { startsWithImageName ? Self.withoutFirstWord(commandLine) : commandLine }
    }

    /// A module's words, likewise: a kernel's command line.
    @_lifetime(copy words)
    public func words(of words: Span<UInt8>) -> Span<UInt8> {
        startsWithImageName ? Self.withoutFirstWord(words) : words
    }

    @_lifetime(copy text)
    private static func withoutFirstWord(_ text: Span<UInt8>) -> Span<UInt8> {
        let space = UInt8(ascii: " ")
        var start = 0
        while text.byte(at: start) == space { start += 1 }
        start = text.firstIndex(of: space, from: start) ?? text.count
        while text.byte(at: start) == space { start += 1 }
        return text.slice(from: start)
    }

    /// "GRUB " and a version that does not start with 0.
    @_lifetime(self: copy self)
    mutating func recogniseLoader() {
        for index in loaderName.indices {
            let name = loaderName.slice(from: index)
            if name.hasPrefix("GRUB "), name.byte(at: 5) != UInt8(ascii: "0") { startsWithImageName = false }
        }
    }
}

/// A file that the loader put into memory.
public struct BootModule: ~Escapable {
    public let start: MachineAddress
    /// In bytes.
    public let size: UInt64
    public let words: Span<UInt8>

    @_lifetime(copy words)
    init(start: UInt64, size: UInt64, words: Span<UInt8>) {
        self.start = MachineAddress(start)
        self.size = size
        self.words = words
    }
}

extension BootInformation {
    /// Module `index`; nil after the last one.
    @_lifetime(copy self)
    public func module(_ index: Int) -> BootModule? {
        switch moduleFormat {
        case .multiboot1: moduleOfMultiboot1(index)
        case .tags: moduleOfTags(index)
        case .pvh: moduleOfPVH(index)
        }
    }

    public var moduleCount: Int {
        var count = 0
        while module(count) != nil { count += 1 }
        return count
    }
}
