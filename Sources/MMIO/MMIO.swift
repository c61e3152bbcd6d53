// SPDX-License-Identifier: Apache-2.0

import ArchCommon

/// A device's registers, by byte offset: memory-mapped, x86 ports, or a test's model of the device.
///
/// Every access is volatile and of exactly the width asked for.
public protocol Bus: Sendable {
    func read8(_ offset: UInt64) -> UInt8
    func read16(_ offset: UInt64) -> UInt16
    func read32(_ offset: UInt64) -> UInt32
    func read64(_ offset: UInt64) -> UInt64
    func write8(_ offset: UInt64, _ value: UInt8)
    func write16(_ offset: UInt64, _ value: UInt16)
    func write32(_ offset: UInt64, _ value: UInt32)
    func write64(_ offset: UInt64, _ value: UInt64)
}

extension Bus {
    /// For devices without registers of that width.
    public func read16(_ offset: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: read32(offset)) }
    public func write16(_ offset: UInt64, _ value: UInt16) { write32(offset, UInt32(value)) }
}

/// Registers that are mapped, uncached, in the hypervisor's address space.
@safe public struct MappedBus: Bus {
    @usableFromInline let base: UInt

    /// SAFETY: `base` is a device mapping that stays, and that covers every register the driver touches.
    @unsafe public init(mappedAt base: UInt) { self.base = base }

    public func read8(_ offset: UInt64) -> UInt8 { volatile_read8(base + UInt(offset)) }
    public func read16(_ offset: UInt64) -> UInt16 { volatile_read16(base + UInt(offset)) }
    public func read32(_ offset: UInt64) -> UInt32 { volatile_read32(base + UInt(offset)) }
    public func read64(_ offset: UInt64) -> UInt64 { volatile_read64(base + UInt(offset)) }
    public func write8(_ offset: UInt64, _ value: UInt8) { volatile_write8(base + UInt(offset), value) }
    public func write16(_ offset: UInt64, _ value: UInt16) { volatile_write16(base + UInt(offset), value) }
    public func write32(_ offset: UInt64, _ value: UInt32) { volatile_write32(base + UInt(offset), value) }
    public func write64(_ offset: UInt64, _ value: UInt64) { volatile_write64(base + UInt(offset), value) }
}
