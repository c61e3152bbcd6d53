// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Machine
import Memory
import P2M
import Sync
import Synchronization
import VirtualAPIC
import VirtualPCI
import X86
import X86Machine
import XenABI

/// dom0's functions, as seen from one pCPU. Used under the lock of `HostPCI.functions`.
struct PCIAccess: PCIHost {
    let domain: MetalDomain
    let pcpu: PCPU
    /// Who is to blame.
    let vcpu: MetalVCPU?

    var frames: MetalFrames { MetalFrames(root.heap.reference) }
    private var pci: Ref<HostPCI> { root.state.pci.reference }

    func exists(_ function: PCIFunction) -> Bool { readConfiguration(function, 0, width: 2) != 0xffff }

    func readConfiguration(_ function: PCIFunction, _ offset: UInt32, width: Int) -> UInt32 {
        pci.pointee.readConfiguration(function, offset, width: width)
    }
    func writeConfiguration(_ function: PCIFunction, _ offset: UInt32, _ value: UInt32, width: Int) {
        pci.pointee.writeConfiguration(function, offset, value, width: width)
    }
    func readMemory(_ address: MachineAddress, width: Int) -> UInt64 { pci.pointee.read(address, width: width) }
    func writeMemory(_ address: MachineAddress, _ value: UInt64, width: Int) {
        pci.pointee.write(address, value, width: width)
    }

    // MARK: Memory

    func isHole(_ range: MachineRange) -> Bool {
        let limit: UInt64 = 1 << (UInt64(root.state.pc.value.features.addressBits) - pageShift)
        guard range.start.rawValue < limit, range.count <= limit - range.start.rawValue else { return false }
        return !pci.pointee.isClaimed(range) && !root.state.pc.value.hasHidden(in: range)
    }

    func map(_ range: MachineRange) -> Bool {
        let guests = GuestRange(start: GFN(range.start.rawValue), count: range.count)
        let cache = NestedCache(domain: domain.pointee.id, pcpu: pcpu)
        return domain.pointee.p2m.withLock { table in
            hasOnlyDevices(range, table) && table.map(guests, to: range.start, type: .deviceDirect, cache: cache)
        }
    }

    func unmap(_ range: MachineRange) -> Bool {
        let guests = GuestRange(start: GFN(range.start.rawValue), count: range.count)
        let cache = NestedCache(domain: domain.pointee.id, pcpu: pcpu)
        return domain.pointee.p2m.withLock { table in
            hasOnlyDevices(range, table) && table.unmap(guests, cache: cache)
        }
    }

    /// Whether the guest has what it would have there of itself, or nothing.
    private func hasOnlyDevices(
        _ range: MachineRange, _ table: borrowing PageTable<NestedFormat, MetalFrames>
    ) -> Bool {
        var frame = range.start.rawValue
        while frame < range.end.rawValue {
            let entry = table.lookup(GFN(frame))
            guard entry.type == .invalid || entry.type == .deviceDirect && entry.frame.rawValue == frame else {
                return false
            }
            frame = (frame | (1 << UInt64(entry.order) - 1)) + 1
        }
        return true
    }

    // MARK: Messages

    func takeVectors(_ count: Int, for message: GuestMessage) -> HostVector? {
        pci.pointee.vectors.take(count, at: processor(of: message) ?? 0)
    }

    func takeNearer(_ vector: HostVector, for message: GuestMessage) -> HostVector? {
        guard let processor = processor(of: message), processor != vector.processor else { return nil }
        return pci.pointee.vectors.take(onlyAt: processor)
    }

    /// The pCPU of the first vCPU that a message goes to.
    private func processor(of message: GuestMessage) -> Int? {
        for number in 0..<UInt32(domain.pointee.vcpuCount) {
            guard let vcpu = domain.pointee.vcpu(VCPUID(number)), message.target.reaches(vcpu) else { continue }
            let home = root.state.units.value.home(Int(vcpu.pointee.unit)).index
            return home < pci.pointee.vectors.processors ? home : nil
        }
        return nil
    }

    func direct(_ vector: HostVector, to message: GuestMessage) { pci.pointee.vectors.direct(vector, to: message) }

    func release(_ vector: HostVector, rest: GuestMessage) { pci.pointee.vectors.release(vector, rest: rest) }

    func begin(_ function: PCIFunction, records: MachineAddress, count: Int) {
        guard function.segment == 0, root.state.remapping.isSet else { return }
        root.state.remapping.value.begin(function.requester, table: records, count: count)
    }

    func end(_ function: PCIFunction) {
        guard function.segment == 0, root.state.remapping.isSet else { return }
        root.state.remapping.value.end(function.requester)
    }

    func admit(_ vector: HostVector, from function: PCIFunction, index: Int, records: MachineAddress) -> DeviceMessage {
        let identifier = UInt8(truncatingIfNeeded: root.state.pc.value.processors[vector.processor].apicID)
        if function.segment == 0, root.state.remapping.isSet,
            let message = root.state.remapping.value.admit(
                vector, apicID: identifier, from: function.requester, index: index, table: records)
        {
            return message
        }
        return DeviceMessage(vector: vector.vector, apicID: identifier)
    }

    func dismiss(_ vector: HostVector, from function: PCIFunction, index: Int, records: MachineAddress) {
        guard function.segment == 0, root.state.remapping.isSet else { return }
        root.state.remapping.value.dismiss(vector, from: function.requester, index: index, table: records)
    }

    func complain(_ line: LogLine) {
        if let vcpu { logGuest(vcpu, line) } else { log.warning(line) }
    }
}

extension GuestMessage {
    var target: Destination {
        Destination(value: destination, isLogical: isLogical, isX2: false)
    }
}

extension Destination {
    func reaches(_ vcpu: MetalVCPU) -> Bool {
        let address = vcpu.pointee.extra.apic.address
        return reaches(vcpu.pointee.extra.apic.id, logical: address.logical, isFlat: address.isFlat)
    }
}

/// A device's message has come.
func takeMessage(_ vector: UInt8, on pcpu: PCPU) {
    guard root.state.pci.isSet, root.state.dom0.isSet else { return }
    let message = root.state.pci.value.vectors.message(HostVector(processor: pcpu.index, vector: vector))
    // It was on its way when the guest gave it up.
    guard !message.isNone else { return }
    let delivery = InterprocessorCommand.Delivery(rawValue: message.delivery) ?? .reserved
    send(message.vector, delivery, to: message.target, isLevel: false, root.state.dom0.value, from: pcpu)
}

// MARK: Ports and pages

/// The ports of configuration mechanism 1, of which the lower is a register of 32 bits and else not there.
var configurationPorts: InlineArray<2, ClosedRange<UInt16>> { [0xcf8...0xcf8, 0xcfc...0xcff] }

/// dom0 accesses PCI configuration space by ports. Nil where that is nothing of the kind.
func accessConfiguration(_ access: PortAccess, _ value: UInt32, _ vcpu: MetalVCPU, _ pcpu: PCPU) -> UInt32? {
    let domain = vcpu.pointee.domain
    guard domain.pointee.isPrivileged, root.state.pci.isSet else { return nil }
    let host = PCIAccess(domain: domain, pcpu: pcpu, vcpu: vcpu)
    return root.state.pci.value.functions.withLock { functions in
        if access.port == 0xcf8, access.width == 4 {
            if access.isRead { return functions.portAddress }
            functions.portAddress = value
            return value
        }
        guard access.port >= 0xcfc, access.port <= 0xcff else { return nil }
        let offset = UInt32(access.port - 0xcfc)
        if access.isRead { return functions.readPort(offset, width: access.width, host) }
        functions.writePort(offset, value, width: access.width, host)
        return value
    }
}

/// What answers for a page of dom0's where nothing is mapped. Runs `body` where no function is known to, and none begins to
/// meanwhile.
func pciPage(_ frame: GFN, _ vcpu: MetalVCPU, _ pcpu: PCPU, ifUnknown body: () -> Void) -> PCIPage {
    guard root.state.pci.isSet else {
        body()
        return .unknown
    }
    let host = PCIAccess(domain: vcpu.pointee.domain, pcpu: pcpu, vcpu: vcpu)
    return root.state.pci.value.functions.withLock { functions in
        let page = functions.page(MFN(frame.rawValue), host)
        if page == .unknown { body() }
        return page
    }
}

func readPCIPage(_ address: UInt64, width: Int, _ vcpu: MetalVCPU, _ pcpu: PCPU) -> UInt64 {
    let host = PCIAccess(domain: vcpu.pointee.domain, pcpu: pcpu, vcpu: vcpu)
    return root.state.pci.value.functions.withLock { $0.readPage(address, width: width, host) }
}

func writePCIPage(_ address: UInt64, _ value: UInt64, width: Int, _ vcpu: MetalVCPU, _ pcpu: PCPU) {
    let host = PCIAccess(domain: vcpu.pointee.domain, pcpu: pcpu, vcpu: vcpu)
    root.state.pci.value.functions.withLock { $0.writePage(address, value, width: width, host) }
}
