// SPDX-License-Identifier: Apache-2.0

import Base

/// Multiboot Specification 0.6.96, 3.3: the Multiboot information.
extension BootInformation {
    /// Flags: which fields are valid.
    private enum Flag {
        static var sizes: UInt32 { 1 << 0 }
        static var commandLine: UInt32 { 1 << 2 }
        static var modules: UInt32 { 1 << 3 }
        static var memoryMap: UInt32 { 1 << 6 }
        static var loaderName: UInt32 { 1 << 9 }
    }

    private static var sizeOfInformation: UInt64 { 116 }
    private static var sizeOfModule: UInt64 { 16 }

    /// Reads the information at machine address `address`.
    @_lifetime(copy memory)
    public init(multiboot1 address: UInt64, in memory: Span<UInt8>) throws(BootInformationError) {
        self.init(memory: memory, start: address, size: Self.sizeOfInformation, moduleFormat: .multiboot1)
        guard let information = memory.bytes(at: address, count: Self.sizeOfInformation) else {
            throw .unreadable(.information, address: address, size: Self.sizeOfInformation)
        }
        func field(_ offset: Int) -> UInt64 { UInt64(information.littleEndian32(at: offset) ?? 0) }
        let flags = UInt32(field(0))
        if flags & Flag.commandLine != 0 { commandLine = memory.text(at: field(16)) }
        if flags & Flag.loaderName != 0 { loaderName = memory.text(at: field(64)) }
        if flags & Flag.modules != 0 {
            let size = field(20) * Self.sizeOfModule
            guard let list = memory.bytes(at: field(24), count: size) else {
                throw .unreadable(.modules, address: field(24), size: size)
            }
            modules = list
        }
        if flags & Flag.memoryMap != 0 {
            guard let map = memory.bytes(at: field(48), count: field(44)) else {
                throw .unreadable(.memoryMap, address: field(48), size: field(44))
            }
            self.map = map
            mapFormat = .multiboot1
        } else if flags & Flag.sizes != 0 {
            mapFormat = .sizes(lower: UInt32(field(4)), upper: UInt32(field(8)))
        } else {
            throw .noMemoryMap
        }
        recogniseLoader()
    }

    @_lifetime(copy self)
    func moduleOfMultiboot1(_ index: Int) -> BootModule? {
        let record = modules.slice(from: index * Int(Self.sizeOfModule), count: Int(Self.sizeOfModule))
        guard let start = record.littleEndian32(at: 0), let end = record.littleEndian32(at: 4),
            let words = record.littleEndian32(at: 8), record.count == Int(Self.sizeOfModule)
        else { return nil }
        return BootModule(
            start: UInt64(start), size: end > start ? UInt64(end - start) : 0,
            words: memory.text(at: UInt64(words)))
    }
}
