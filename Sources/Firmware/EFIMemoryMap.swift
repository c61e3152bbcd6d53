// SPDX-License-Identifier: Apache-2.0

public import Base

/// The memory map of EFI firmware (UEFI specification 2.10, 7.2.3), for who comes after it: a list of descriptors of
/// `descriptorSize` bytes, at least 40, of which the first 40 are known.
///
///     var usable = EFIMemoryMap(bytes, descriptorSize: 48).usable()
///     while let range = usable.next() { memory.insert(range) }
public struct EFIMemoryMap: ~Escapable {
    let bytes: Span<UInt8>
    let descriptorSize: Int

    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>, descriptorSize: UInt64) {
        self.bytes = bytes
        self.descriptorSize = Int(clamping: descriptorSize)
    }

    /// Descriptors that lie wholly inside the bytes.
    public var count: Int { descriptorSize >= Self.knownSize ? bytes.count / descriptorSize : 0 }

    static var knownSize: Int { 40 }

    /// RAM that is free once the firmware's boot services have ended, in the firmware's order.
    @_lifetime(copy self)
    public func usable() -> Usable { Usable(self) }

    public struct Usable: ~Escapable {
        let map: EFIMemoryMap
        var index = 0

        @_lifetime(copy map)
        init(_ map: EFIMemoryMap) { self.map = map }

        public mutating func next() -> MachineRange? {
            while index < map.count {
                defer { index += 1 }
                if let range = map.usableRange(at: index) { return range }
            }
            return nil
        }
    }

    /// Types 1-4 (the loader's and the boot services' code and data) and 7 (conventional), where they can be write-back.
    private func usableRange(at index: Int) -> MachineRange? {
        let start = index * descriptorSize
        guard let type = bytes.littleEndian32(at: start), let address = bytes.littleEndian64(at: start + 8),
            let pages = bytes.littleEndian64(at: start + 24), let attributes = bytes.littleEndian64(at: start + 32),
            (1...4).contains(type) || type == 7, attributes & Self.writeBack != 0,
            pages > 0, address % pageSize == 0, pages <= (UInt64.max - address) >> pageShift
        else { return nil }
        return MachineRange(start: Address<MachineSpace>(address).frame, count: pages)
    }

    private static var writeBack: UInt64 { 8 }
}
