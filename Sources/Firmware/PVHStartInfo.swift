// SPDX-License-Identifier: Apache-2.0

import Base

/// Xen: xen/include/public/arch-x86/hvm/start_info.h, versions 0 and 1.
extension BootInformation {
    private static var magic: UInt32 { 0x336e_c578 }
    private static var sizeOfVersion0: UInt64 { 40 }
    private static var sizeOfVersion1: UInt64 { 56 }
    private static var sizeOfModule: Int { 32 }
    private static var sizeOfMapEntry: Int { 24 }

    /// Reads the start info at machine address `address`.
    @_lifetime(copy memory)
    public init(pvh address: UInt64, in memory: Span<UInt8>) throws(BootInformationError) {
        self.init(memory: memory, start: address, size: Self.sizeOfVersion1, moduleFormat: .pvh)
        startsWithImageName = false
        guard let information = memory.bytes(at: address, count: Self.sizeOfVersion1) else {
            throw .unreadable(.information, address: address, size: Self.sizeOfVersion1)
        }
        func word(_ offset: Int) -> UInt32 { information.littleEndian32(at: offset) ?? 0 }
        func long(_ offset: Int) -> UInt64 { information.littleEndian64(at: offset) ?? 0 }
        guard word(0) == Self.magic else { throw .badMagic(word(0), expected: Self.magic) }
        let version = word(4)
        commandLine = memory.text(at: long(24))
        let modules = UInt64(word(12)) * UInt64(Self.sizeOfModule)
        guard let list = memory.bytes(at: modules > 0 ? long(16) : 0, count: modules) else {
            throw .unreadable(.modules, address: long(16), size: modules)
        }
        self.modules = list
        if long(32) != 0 { rootPointer = memory.slice(from: Int(clamping: long(32)), count: 36) }
        // The memory map came with version 1.
        guard version >= 1, word(48) > 0 else { throw .noMemoryMap }
        let size = UInt64(word(48)) * UInt64(Self.sizeOfMapEntry)
        guard let map = memory.bytes(at: long(40), count: size) else {
            throw .unreadable(.memoryMap, address: long(40), size: size)
        }
        self.map = map
        mapFormat = .records(stride: Self.sizeOfMapEntry)
    }

    @_lifetime(copy self)
    func moduleOfPVH(_ index: Int) -> BootModule? {
        let record = modules.slice(from: index * Self.sizeOfModule, count: Self.sizeOfModule)
        guard record.count == Self.sizeOfModule, let start = record.littleEndian64(at: 0),
            let size = record.littleEndian64(at: 8), let words = record.littleEndian64(at: 16)
        else { return nil }
        return BootModule(start: start, size: size, words: memory.text(at: words))
    }
}
