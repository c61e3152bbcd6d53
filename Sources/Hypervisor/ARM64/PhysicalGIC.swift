// SPDX-License-Identifier: Apache-2.0

import ARM
import ARM64
import ArchARM64
import ArchCommon
import Base
import Boot
import Containers
import DomainBuilder
import Domains
import Drivers
import EventChannels
import Firmware
import GrantTables
import Hypercalls
import MMIO
import Machine
import Memory
import P2M
import Scheduler
import Sync
import Synchronization
import Timekeeping
import VirtualGIC
import XenABI

/// The machine's interrupt controller: chosen once at boot, switched on at every use, called directly.
enum PhysicalGIC {
    case v2(GICv2<MappedBus>)
    case v3(GICv3)

    var distributor: GICDistributor<MappedBus> {
        switch self {
        case .v2(let gic): gic.distributor
        case .v3(let gic): gic.distributor
        }
    }

    @inline(__always) func acknowledge() -> UInt32 {
        switch self {
        case .v2(let gic): gic.acknowledge()
        case .v3(let gic): gic.acknowledge()
        }
    }

    @inline(__always) func endPriority(_ value: UInt32) {
        switch self {
        case .v2(let gic): gic.endPriority(value)
        case .v3(let gic): gic.endPriority(value)
        }
    }

    @inline(__always) func deactivate(_ value: UInt32) {
        switch self {
        case .v2(let gic): gic.deactivate(value)
        case .v3(let gic): gic.deactivate(value)
        }
    }
}

/// Numbers of the interrupts that are the hypervisor's own.
enum OwnInterrupt {
    /// Sent to a pCPU so that it leaves the guest or the idle loop and looks around.
    static var kick: UInt32 { 0 }
}

/// A CPU of the machine, as the others see it.
struct ProcessorRecord: BitwiseCopyable {
    var mpidr: UInt64 = 0
    /// v3: address of its redistributor. v2: unused.
    var redistributor: UInt = 0
    /// v2: bit of its CPU interface.
    var target: UInt8 = 0
    var node = NUMANode(0)
}

/// Who gets a shared interrupt.
enum InterruptOwner: UInt8 {
    case nobody
    case console
    case dom0
}

/// The interrupt controller's state that CPUs share.
struct InterruptTable {
    var owners = InlineArray<1024, InterruptOwner>(repeating: .nobody)
}

extension PhysicalGIC {
    /// Maps the controller that the device tree describes.
    init(_ description: DeviceTree.GIC, _ space: inout HostAddressSpace<MetalFrames>) {
        let distributor = mapDevice(description.distributor, "the GIC's distributor", &space)
        switch description.version {
        case .v2:
            guard let cpu = description.cpuInterface, let control = description.hypervisorInterface,
                description.virtualInterface != nil
            else { panic("the GICv2 in the device tree has no virtual interface: expected GICC, GICH and GICV in reg") }
            self = .v2(
                GICv2(
                    distributor: distributor, cpu: mapDevice(cpu, "the GIC's CPU interface", &space),
                    hypervisor: mapDevice(control, "the GIC's virtual interface control", &space)))
        case .v3:
            self = .v3(GICv3(distributor: distributor))
        }
    }

    /// Sets up the calling CPU's side.
    func startCPU(_ record: borrowing ProcessorRecord) {
        switch self {
        case .v2(let gic): gic.startCPU()
        case .v3(let gic):
            // SAFETY: `findRedistributors` mapped it, for good.
            gic.startCPU(redistributor: unsafe GICRedistributor(MappedBus(mappedAt: record.redistributor)))
        }
    }

    /// Enables or disables a private interrupt of the calling CPU.
    func setPrivate(_ line: UInt32, enabled: Bool, _ record: borrowing ProcessorRecord) {
        switch self {
        case .v2(let gic): if enabled { gic.distributor.enable(line) } else { gic.distributor.disable(line) }
        case .v3:
            // SAFETY: as above.
            let redistributor = unsafe GICRedistributor(MappedBus(mappedAt: record.redistributor))
            if enabled { redistributor.enable(line) } else { redistributor.disable(line) }
        }
    }

    /// Sets the active state of a private interrupt of the calling CPU.
    func setPrivateActive(_ line: UInt32, _ active: Bool, _ record: borrowing ProcessorRecord) {
        switch self {
        case .v2(let gic): gic.distributor.setActive(line, active)
        case .v3:
            // SAFETY: as above.
            unsafe GICRedistributor(MappedBus(mappedAt: record.redistributor)).setActive(line, active)
        }
    }

    /// Sends a software interrupt to another CPU.
    func send(_ interrupt: UInt32, to record: borrowing ProcessorRecord) {
        switch self {
        case .v2(let gic): gic.distributor.sendV2(interrupt, targets: record.target)
        case .v3(let gic): gic.send(interrupt, to: record.mpidr)
        }
    }

    /// How `GICDistributor.route` names this CPU.
    func routeTarget(_ record: borrowing ProcessorRecord) -> UInt64 {
        switch self {
        case .v2: UInt64(record.target)
        case .v3: record.mpidr
        }
    }
}

/// Maps a device that the machine cannot do without.
func mapDevice(
    _ region: DeviceTree.Region, _ name: StaticString, _ space: inout HostAddressSpace<MetalFrames>
) -> MappedBus {
    guard let base = space.mapDevice(region.start, size: region.size) else {
        panic("cannot map \(name) at 0x\(hex: region.start.rawValue)")
    }
    // SAFETY: just mapped, for good.
    return unsafe MappedBus(mappedAt: base)
}
