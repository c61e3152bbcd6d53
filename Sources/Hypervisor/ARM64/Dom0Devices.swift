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

/// Gives dom0 the machine's devices: their registers at the host's addresses, their interrupts.
func assignDevices(
    _ tree: DeviceTree, _ guestTree: borrowing Dom0Tree, _ domain: MetalDomain, _ description: borrowing MachineDescription,
    _ format: Stage2Format
) {
    let gic = tree.gic()?.node
    var walk = tree.walk()
    while let node = walk.next() {
        guard node != tree.root, guestTree.isPassedThrough(node, gic: gic), tree.isAvailable(node) else { continue }
        if tree.isCompatible(node, with: "arm,gic-v3-its") { continue }
        for index in 0..<tree.regionCount(of: node) {
            if let region = tree.region(of: node, index) { mapDevice(region, description, domain, format) }
        }
        if let type = tree.string("device_type", of: node), type.equals("pci") {
            mapWindows(of: node, tree, description, domain, format)
        }
    }
    mapReserved(tree, domain, format)
    mapController(description, domain)
    assignInterrupts(description, domain)
}

/// Memory of the firmware's that drivers share with it: dom0's, as Xen hands it on. Nobody else ever gets it.
private func mapReserved(_ tree: DeviceTree, _ domain: MetalDomain, _ format: Stage2Format) {
    var reserved = tree.reservedMemory()
    while let region = reserved.next()?.region {
        let range = covering(region.start, region.size)
        guard range.end.rawValue <= format.capacity else { continue }
        let pages = GuestRange(start: GFN(range.start.rawValue), count: range.count)
        let mapped = domain.pointee.p2m.withLock {
            $0.map(pages, to: range.start, type: .deviceCached, cache: SilentCache())
        }
        if !mapped { log.warning("dom0: no memory to map the region at 0x\(hex: region.start.rawValue)") }
    }
}

private func mapDevice(
    _ region: DeviceTree.Region, _ description: borrowing MachineDescription, _ domain: MetalDomain, _ format: Stage2Format
) {
    let range = covering(region.start, region.size)
    guard !range.isEmpty, range.end.rawValue <= format.capacity else { return }
    // A node may describe memory (a boot loader's module): that is not dom0's to have.
    for index in 0..<description.memory.count where description.memory[index].range.overlaps(range) { return }
    if let own = description.uart, covering(own.region.start, own.region.size).overlaps(range) { return }
    let pages = GuestRange(start: GFN(range.start.rawValue), count: range.count)
    let mapped = domain.pointee.p2m.withLock {
        $0.map(pages, to: range.start, type: .deviceDirect, cache: SilentCache())
    }
    if !mapped { log.warning("dom0: no memory to map the device at 0x\(hex: region.start.rawValue)") }
}

/// A PCI host bridge's windows: entries of `ranges` are three cells of PCI address, the parent's address, two of size.
private func mapWindows(
    of node: DeviceTree.Node, _ tree: DeviceTree, _ description: borrowing MachineDescription, _ domain: MetalDomain,
    _ format: Stage2Format
) {
    guard let ranges = tree["ranges", of: node], let parent = tree.parent(of: node) else { return }
    let addressCells = tree.addressCells(of: parent)
    let entry = 3 + addressCells + 2
    for index in 0..<ranges.cells / entry {
        guard let start = ranges.number(at: index * entry + 3, cells: addressCells),
            let size = ranges.number(at: index * entry + 3 + addressCells, cells: 2),
            let region = DeviceTree.Region(start: start, size: size)
        else { continue }
        mapDevice(region, description, domain, format)
    }
}

/// A GICv2 guest's CPU interface is the hardware's virtual one, mapped where the guest looks for it.
private func mapController(_ description: borrowing MachineDescription, _ domain: MetalDomain) {
    guard description.gic.version == .v2, let guest = description.gic.cpuInterface,
        let host = description.gic.virtualInterface
    else { return }
    let pages = GuestRange(start: GFN(guest.start.frame.rawValue), count: 2)
    let mapped = domain.pointee.p2m.withLock {
        $0.map(pages, to: host.start.frame, type: .deviceDirect, cache: SilentCache())
    }
    guard mapped else { panic("no memory to map dom0's CPU interface") }
}

/// Every shared interrupt that the hypervisor does not keep is dom0's; dom0 enables those that it has a driver for.
private func assignInterrupts(_ description: borrowing MachineDescription, _ domain: MetalDomain) {
    let machine = root.state.machine.reference
    machine.pointee.interrupts.withLock { table in
        for line in 32..<machine.pointee.gic.distributor.lines where table.owners[Int(line)] == .nobody {
            table.owners[Int(line)] = .dom0
            domain.pointee.extra.gic.map(line, vcpu: VCPUID(0), to: line)
        }
    }
}
