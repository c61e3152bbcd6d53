// SPDX-License-Identifier: Apache-2.0

/// What I/O APICs sign their messages with, so that IOMMUs know them: bus, device and function that may be nobody's.
extension ACPI {
    /// Of the I/O APIC with that ID; nil where the table says nothing of it: then messages cannot be remapped.
    public static func requester(ofIOAPIC id: UInt8, in table: Span<UInt8>, kind: RemappingKind) -> UInt16? {
        var position = 48
        while let length = table.littleEndian16(at: position + 2), length >= 4, position + Int(length) <= table.count {
            let block = table.slice(from: position, count: Int(length))
            position += Int(length)
            if let found = kind == .amd ? amd(block, id) : intel(block, id) { return found }
        }
        return nil
    }

    /// AMD 48882, 5.2.2.1: entries of 4, 8, 16 or 32 bytes by the upper two bits of their type.
    private static func amd(_ block: Span<UInt8>, _ id: UInt8) -> UInt16? {
        var position: Int
        switch block[0] {
        case 0x10: position = 24
        case 0x11, 0x40: position = 40
        default: return nil
        }
        while let type = block.byte(at: position) {
            // Special device 1 is an I/O APIC.
            if type == 0x48, block.byte(at: position + 4) == id, block.byte(at: position + 7) == 1 {
                return block.littleEndian16(at: position + 5)
            }
            // Those from 0xf0 on say themselves how long they are.
            guard type < 0xf0 else { return nil }
            position += 4 << Int(type >> 6)
        }
        return nil
    }

    /// Intel VT-d, 8.3.1: device scopes behind the registers' address.
    private static func intel(_ block: Span<UInt8>, _ id: UInt8) -> UInt16? {
        guard block[0] == 0, block[1] == 0 else { return nil }
        var position = 16
        while let type = block.byte(at: position), let length = block.byte(at: position + 1), length >= 8 {
            // On the bus itself: the path has one step.
            if type == 3, length == 8, block.byte(at: position + 4) == id, let bus = block.byte(at: position + 5),
                let device = block.byte(at: position + 6), let function = block.byte(at: position + 7)
            {
                return UInt16(bus) << 8 | UInt16(device & 31) << 3 | UInt16(function & 7)
            }
            position += Int(length)
        }
        return nil
    }
}
