// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// A GICv2's per-CPU side: CPU interface (GICC) and virtual interface control (GICH) (ARM IHI 0048B chapters 4.4, 5.3).
///
/// The frames are banked: every CPU reaches its own through the same addresses.
public struct GICv2<Registers: Bus>: Sendable {
    public let distributor: GICDistributor<Registers>
    let cpu: Registers
    let hypervisor: Registers

    public init(distributor: Registers, cpu: Registers, hypervisor: Registers) {
        self.distributor = GICDistributor(distributor, isV3: false)
        self.cpu = cpu
        self.hypervisor = hypervisor
    }

    /// Sets up this CPU's private lines and interface. Priority drop and deactivation are separate (EOImode 1), so
    /// that a guest's end of interrupt deactivates the line it was given.
    public func startCPU() {
        distributor.startPrivateV2()
        cpu.write32(0x04, 0xff)  // PMR: everything
        cpu.write32(0x08, 0)  // BPR
        cpu.write32(0x00, 1 << 9 | 1)
        hypervisor.write32(0x00, 1)  // GICH_HCR.En
    }

    /// GICC_IAR: takes the highest pending interrupt; bits 0-9 its number, 1023 none.
    @inline(__always) public func acknowledge() -> UInt32 { cpu.read32(0x0c) }
    /// GICC_EOIR: priority drop. `value` is what `acknowledge` returned.
    @inline(__always) public func endPriority(_ value: UInt32) { cpu.write32(0x10, value) }
    /// GICC_DIR.
    @inline(__always) public func deactivate(_ value: UInt32) { cpu.write32(0x1000, value) }

    // MARK: Virtual interface

    /// List registers: 1 to 64.
    public var listRegisterCount: Int { Int(hypervisor.read32(0x04) & 0x3f) + 1 }
    @inline(__always) public func listRegister(_ index: Int) -> UInt32 { hypervisor.read32(0x100 + UInt64(index) * 4) }
    @inline(__always) public func setListRegister(_ index: Int, _ value: UInt32) {
        hypervisor.write32(0x100 + UInt64(index) * 4, value)
    }
    /// GICH_ELRSR0/1: list registers that hold nothing.
    @inline(__always) public var emptyListRegisters: UInt64 { UInt64(hypervisor.read32(0x30)) }
    @inline(__always) public var control: UInt32 { hypervisor.read32(0x00) }
    @inline(__always) public func setControl(_ value: UInt32) { hypervisor.write32(0x00, value) }
    /// GICH_MISR: why there is a maintenance interrupt.
    public var maintenance: UInt32 { hypervisor.read32(0x10) }
    public var virtualMachineControl: UInt32 { hypervisor.read32(0x08) }
    public func setVirtualMachineControl(_ value: UInt32) { hypervisor.write32(0x08, value) }
    public var activePriorities: UInt32 { hypervisor.read32(0xf0) }
    public func setActivePriorities(_ value: UInt32) { hypervisor.write32(0xf0, value) }
}
