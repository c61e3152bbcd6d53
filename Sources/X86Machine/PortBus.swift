// SPDX-License-Identifier: Apache-2.0

import ArchX86
public import MMIO

/// A device's registers in the I/O space, from port `base` on. Ports are 32 bits wide at most.
public struct PortBus: Bus {
    let base: UInt16

    public init(_ base: UInt16) { self.base = base }

    private func port(_ offset: UInt64) -> UInt16 { base &+ UInt16(truncatingIfNeeded: offset) }

    public func read8(_ offset: UInt64) -> UInt8 { x86_in8(port(offset)) }
    public func read32(_ offset: UInt64) -> UInt32 { x86_in32(port(offset)) }
    public func read64(_ offset: UInt64) -> UInt64 { UInt64(read32(offset)) | UInt64(read32(offset + 4)) << 32 }
    public func write8(_ offset: UInt64, _ value: UInt8) { x86_out8(port(offset), value) }
    public func write32(_ offset: UInt64, _ value: UInt32) { x86_out32(port(offset), value) }
    public func write64(_ offset: UInt64, _ value: UInt64) {
        write32(offset, UInt32(truncatingIfNeeded: value))
        write32(offset + 4, UInt32(truncatingIfNeeded: value >> 32))
    }
}
