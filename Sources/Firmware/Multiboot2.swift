// SPDX-License-Identifier: Apache-2.0

import Base

/// Multiboot2 Specification 2.0, 3.6: a list of tags.
extension BootInformation {
    private enum TagType {
        static var end: UInt32 { 0 }
        static var commandLine: UInt32 { 1 }
        static var loaderName: UInt32 { 2 }
        static var module: UInt32 { 3 }
        static var memoryMap: UInt32 { 6 }
        static var oldRootPointer: UInt32 { 14 }
        static var newRootPointer: UInt32 { 15 }
        static var efiMemoryMap: UInt32 { 17 }
    }

    /// The tags up to the one that ends the list, each with its header: type and size.
    struct Tags: ~Escapable {
        let bytes: Span<UInt8>
        var position = 8

        @_lifetime(copy bytes)
        init(_ bytes: Span<UInt8>) { self.bytes = bytes }

        /// The next tag; nil at the end. Throws where a tag's size cannot be.
        @_lifetime(copy self)
        mutating func next() throws(BootInformationError) -> Span<UInt8>? {
            guard position < bytes.count else { return nil }
            guard let type = bytes.littleEndian32(at: position), let size = bytes.littleEndian32(at: position + 4),
                size >= 8, Int(size) <= bytes.count - position
            else { throw .malformedTag(offset: position) }
            let tag = bytes.slice(from: position, count: Int(size))
            position += (Int(size) + 7) & ~7
            return type == TagType.end ? nil : tag
        }
    }

    /// Reads the information at machine address `address`.
    @_lifetime(copy memory)
    public init(multiboot2 address: UInt64, in memory: Span<UInt8>) throws(BootInformationError) {
        guard let head = memory.bytes(at: address, count: 8), let size = head.littleEndian32(at: 0), size >= 8,
            let information = memory.bytes(at: address, count: UInt64(size))
        else {
            let size = memory.bytes(at: address, count: 8)?.littleEndian32(at: 0) ?? 8
            throw .unreadable(.information, address: address, size: UInt64(size))
        }
        self.init(memory: memory, start: address, size: UInt64(size), moduleFormat: .tags)
        modules = information
        var hasMap = false
        var tags = Tags(information)
        while let tag = try tags.next() {
            switch tag.littleEndian32(at: 0) {
            case TagType.commandLine: commandLine = tag.text(from: 8)
            case TagType.loaderName: loaderName = tag.text(from: 8)
            case TagType.oldRootPointer: if rootPointer.isEmpty { rootPointer = tag.slice(from: 8) }
            case TagType.newRootPointer: rootPointer = tag.slice(from: 8)
            case TagType.memoryMap:
                try readMap(tag, from: 16, strideAt: 8, smallest: 20) { .records(stride: $0) }
                hasMap = true
            case TagType.efiMemoryMap where !hasMap:
                // For loaders that leave the translation to a plain map to us.
                try readMap(tag, from: 16, strideAt: 8, smallest: 40) { .efi(stride: $0) }
            default: break
            }
        }
        guard !map.isEmpty else { throw .noMemoryMap }
        recogniseLoader()
    }

    @_lifetime(self: copy tag, copy self)
    private mutating func readMap(
        _ tag: Span<UInt8>, from start: Int, strideAt offset: Int, smallest: UInt32, _ format: (Int) -> MemoryMap.Format
    ) throws(BootInformationError) {
        guard let stride = tag.littleEndian32(at: offset), stride >= smallest else {
            throw .unreadable(.memoryMap, address: extent.start, size: UInt64(tag.count))
        }
        map = tag.slice(from: start)
        mapFormat = format(Int(stride))
    }

    @_lifetime(copy self)
    func moduleOfTags(_ index: Int) -> BootModule? {
        var left = index
        var tags = Tags(modules)
        while let tag = try? tags.next() {
            guard tag.littleEndian32(at: 0) == TagType.module else { continue }
            if left > 0 {
                left -= 1
                continue
            }
            let start = tag.littleEndian32(at: 8) ?? 0
            let end = tag.littleEndian32(at: 12) ?? 0
            return BootModule(
                start: UInt64(start), size: end > start ? UInt64(end - start) : 0, words: tag.text(from: 16))
        }
        return nil
    }
}
