// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// Distributor of GICv2 and GICv3 (ARM IHI 0048B 4.3, IHI 0069 12.9): what both have in common, at the same offsets.
///
/// Not locked: registers that hold several interrupts are changed by read-modify-write under the owner's lock.
public struct GICDistributor<Registers: Bus>: Sendable {
    let registers: Registers
    public let isV3: Bool

    public init(_ registers: Registers, isV3: Bool) {
        self.registers = registers
        self.isV3 = isV3
    }

    enum Offset {
        static var control: UInt64 { 0x000 }
        static var type: UInt64 { 0x004 }
        static var group: UInt64 { 0x080 }
        static var setEnable: UInt64 { 0x100 }
        static var clearEnable: UInt64 { 0x180 }
        static var setPending: UInt64 { 0x200 }
        static var clearPending: UInt64 { 0x280 }
        static var setActive: UInt64 { 0x300 }
        static var clearActive: UInt64 { 0x380 }
        static var priority: UInt64 { 0x400 }
        static var target: UInt64 { 0x800 }
        static var configuration: UInt64 { 0xc00 }
        static var softwareInterrupt: UInt64 { 0xf00 }
        static var route: UInt64 { 0x6000 }
    }

    /// Interrupt lines, private ones included: 32 to 1020.
    public var lines: UInt32 { min(1020, (registers.read32(Offset.type) & 0x1f + 1) * 32) }

    /// GICD_TYPER as the hardware has it.
    public var type: UInt32 { registers.read32(Offset.type) }

    /// Every shared line disabled, level-triggered, of middle priority, routed to the CPU that runs this; then on.
    public func start(target: UInt64) {
        registers.write32(Offset.control, 0)
        waitForWrite()
        for line in stride(from: UInt32(32), to: lines, by: 32) {
            registers.write32(Offset.clearEnable + word(line), ~0)
            registers.write32(Offset.clearActive + word(line), ~0)
            if isV3 { registers.write32(Offset.group + word(line), ~0) }
        }
        for line in stride(from: UInt32(32), to: lines, by: 16) {
            registers.write32(Offset.configuration + UInt64(line / 16) * 4, 0)
        }
        for line in 32..<lines {
            registers.write8(Offset.priority + UInt64(line), 0xa0)
            route(line, to: target)
        }
        // Affinity routing and both groups on v3; the one enable bit that non-secure software has on v2.
        registers.write32(Offset.control, isV3 ? 1 << 4 | 1 << 1 | 1 : 1)
        waitForWrite()
    }

    private func word(_ line: UInt32) -> UInt64 { UInt64(line / 32) * 4 }

    /// GICD_CTLR.RWP, a bounded wait.
    private func waitForWrite() {
        var attempts = 1_000_000
        while isV3, registers.read32(Offset.control) >> 31 != 0, attempts > 0 { attempts -= 1 }
    }

    public func enable(_ line: UInt32) { registers.write32(Offset.setEnable + word(line), 1 << (line % 32)) }

    public func disable(_ line: UInt32) {
        registers.write32(Offset.clearEnable + word(line), 1 << (line % 32))
        waitForWrite()
    }

    public func setActive(_ line: UInt32, _ active: Bool) {
        registers.write32((active ? Offset.setActive : Offset.clearActive) + word(line), 1 << (line % 32))
    }

    public func setPending(_ line: UInt32, _ pending: Bool) {
        registers.write32((pending ? Offset.setPending : Offset.clearPending) + word(line), 1 << (line % 32))
    }

    /// Trigger of a shared line; a change needs the line disabled.
    public func configure(_ line: UInt32, isEdge: Bool) {
        let offset = Offset.configuration + UInt64(line / 16) * 4
        let bit: UInt32 = 2 << (line % 16 * 2)
        let old = registers.read32(offset)
        registers.write32(offset, isEdge ? old | bit : old & ~bit)
    }

    /// Routes a shared line. v2: `target` is a bit set of CPU interfaces; v3: an affinity as MPIDR spells it.
    public func route(_ line: UInt32, to target: UInt64) {
        if isV3 {
            registers.write64(Offset.route + UInt64(line) * 8, target & 0xff_00ff_ffff)
        } else {
            registers.write8(Offset.target + UInt64(line), UInt8(truncatingIfNeeded: target))
        }
    }

    /// v2: the bit of the CPU interface that this CPU has, read from a private line's target register.
    public var ownTarget: UInt8 {
        for line in UInt64(0)..<32 {
            let target = registers.read8(Offset.target + line)
            if target != 0 { return target }
        }
        return 1
    }

    /// v2: a software interrupt to a bit set of CPU interfaces.
    public func sendV2(_ interrupt: UInt32, targets: UInt8) {
        registers.write32(Offset.softwareInterrupt, UInt32(targets) << 16 | interrupt)
    }

    /// v2: this CPU's private lines, which the distributor banks per CPU.
    public func startPrivateV2() {
        registers.write32(Offset.clearActive, ~0)
        registers.write32(Offset.clearEnable, 0xffff_0000)
        registers.write32(Offset.setEnable, 0x0000_ffff)
        for line in UInt64(0)..<32 { registers.write8(Offset.priority + line, line < 16 ? 0x90 : 0xa0) }
    }
}

/// One CPU's GICv3 redistributor: two 64 KiB frames, RD and SGI (ARM IHI 0069 12.11).
public struct GICRedistributor<Registers: Bus>: Sendable {
    let registers: Registers
    public init(_ registers: Registers) { self.registers = registers }

    private static var sgi: UInt64 { 0x1_0000 }

    /// GICR_TYPER: bits 32-63 affinity, bit 4 last of its region, bit 1 virtual LPIs (two more frames).
    public var type: UInt64 { registers.read64(0x8) }

    /// Wakes the redistributor and sets up the private lines: SGIs enabled, PPIs disabled.
    public func start() {
        registers.write32(0x14, registers.read32(0x14) & ~2)
        var attempts = 1_000_000
        while registers.read32(0x14) & 4 != 0, attempts > 0 { attempts -= 1 }
        registers.write32(Self.sgi + 0x380, ~0)
        registers.write32(Self.sgi + 0x080, ~0)
        registers.write32(Self.sgi + 0x180, 0xffff_0000)
        registers.write32(Self.sgi + 0x100, 0x0000_ffff)
        for line in UInt64(0)..<32 { registers.write8(Self.sgi + 0x400 + line, line < 16 ? 0x90 : 0xa0) }
        waitForWrite()
    }

    private func waitForWrite() {
        var attempts = 1_000_000
        while registers.read32(0) & 8 != 0, attempts > 0 { attempts -= 1 }
    }

    public func enable(_ line: UInt32) { registers.write32(Self.sgi + 0x100, 1 << line) }
    public func disable(_ line: UInt32) {
        registers.write32(Self.sgi + 0x180, 1 << line)
        waitForWrite()
    }
    public func setActive(_ line: UInt32, _ active: Bool) {
        registers.write32(Self.sgi + (active ? 0x300 : 0x380), 1 << line)
    }
}
