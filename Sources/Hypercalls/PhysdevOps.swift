// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Synchronization
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_physdev_op. On ARM no operation exists without PCI passthrough (Xen: arch/arm/physdev.c). On x86 the
    /// hardware domain tells of PCI devices (Xen: hvm_physdev_op); other operations are for PV domains, or for those whose
    /// interrupts are events (Xen: XEN_X86_EMU_USE_PIRQ), which a PVH hardware domain's are not.
    func physdevOp() throws(XenError) -> Outcome {
        guard platform.handsOnPCI, domain.pointee.isPrivileged else { throw .enosys }
        let argument = handle(1)
        switch PhysdevOp(rawValue: word(0)) {
        case .pciMMCFGReserved:
            let region = try platform.guest.read(PhysdevPCIMMCFGReserved.self, at: argument)
            guard region.flags & ~PhysdevPCIMMCFGReserved.reserved == 0 else { throw .einval }
            try platform.reserveConfiguration(region)
        case .pciDeviceAdd:
            let device = try platform.guest.read(PhysdevPCIDeviceAdd.self, at: argument)
            if device.flags & PhysdevPCIDeviceAdd.proximity != 0 {
                // Where its memory would best be: nobody asks.
                _ = try platform.guest.read(
                    UInt32.self, at: argument + UInt64(MemoryLayout<PhysdevPCIDeviceAdd>.stride))
            }
            try platform.addDevice(segment: device.segment, bus: device.bus, devfn: device.devfn)
        case .pciDeviceRemove:
            let device = try platform.guest.read(PhysdevPCIDevice.self, at: argument)
            try platform.removeDevice(segment: device.segment, bus: device.bus, devfn: device.devfn)
        case .dbgpOp:
            // No console of ours is behind a USB debug port.
            _ = try platform.guest.read(PhysdevDebugPort.self, at: argument)
        default: throw .enosys
        }
        return .success
    }
}
