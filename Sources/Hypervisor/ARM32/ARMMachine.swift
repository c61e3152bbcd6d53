// SPDX-License-Identifier: Apache-2.0

import ARM
import ARM32
import ArchARM32
import Base
import Drivers
import Firmware
import MMIO
import Machine
import Sync
import Synchronization

/// The ARM machine: set up by the boot CPU, read by all.
struct ARMMachine: ~Copyable {
    let gic: GICv2<MappedBus>
    let processors: InlineArray<256, MachineDescription.Processor>
    let processorCount: Int
    /// Interrupt number of HYP mode's own timer.
    let timer: UInt32
    /// Ticks per second of the counter.
    let frequency: UInt64
    /// PSCI's function that starts a CPU.
    let cpuOn: UInt32
    let states = FixedArray<256, ProcessorState> { _ in ProcessorState() }
}

/// What CPUs tell each other.
struct ProcessorState: ~Copyable {
    let isOnline = Atomic<Bool>(false)
    /// Timer interrupts taken.
    let ticks = Atomic<UInt32>(0)
}

extension ARMMachine {
    init(_ description: borrowing MachineDescription, _ space: inout HostAddressSpace<MetalFrames>) {
        let controller = description.gic
        guard case .v2 = controller.version else {
            panic("the interrupt controller is a GICv3: expected a GICv2 on this ISA")
        }
        guard let cpu = controller.cpuInterface, let control = controller.hypervisorInterface else {
            panic("the GICv2 in the device tree has no virtual interface: expected GICC, GICH and GICV in reg")
        }
        gic = GICv2(
            distributor: mapDevice(controller.distributor, "the GIC's distributor", &space),
            cpu: mapDevice(cpu, "the GIC's CPU interface", &space),
            hypervisor: mapDevice(control, "the GIC's virtual interface control", &space))
        processors = description.processors
        processorCount = description.processorCount
        timer = description.timer.hypervisor?.id ?? 26
        let frequency = UInt64(description.timer.frequency ?? 0)
        self.frequency = frequency != 0 ? frequency : UInt64(max(read_cntfrq(), 1))
        cpuOn =
            description.psci.flatMap { $0.hasVersion ? nil : $0.cpuOn } ?? PSCIFunction.cpuOn.rawValue
    }
}

/// Maps a device that the machine cannot do without.
private func mapDevice(
    _ region: DeviceTree.Region, _ name: StaticString, _ space: inout HostAddressSpace<MetalFrames>
) -> MappedBus {
    guard let base = space.mapDevice(region.start, size: region.size) else {
        panic("cannot map \(name) at 0x\(hex: region.start.rawValue)")
    }
    // SAFETY: just mapped, for good.
    return unsafe MappedBus(mappedAt: base)
}
