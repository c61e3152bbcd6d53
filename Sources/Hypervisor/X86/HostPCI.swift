// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Drivers
import Firmware
import MMIO
import Machine
import Memory
import Sync
import VirtualAPIC
import VirtualPCI
import X86
import X86Machine

/// The machine's PCI functions and how they are reached, and the vectors of their messages. Made before dom0, for good.
struct HostPCI: ~Copyable {
    /// What dom0 has of them. The lock is the window's, that of ports 0xcf8 and 0xcfc, and of taking vectors, too.
    let functions: SpinLock<VirtualPCI<PCIAccess>>
    let vectors: MessageVectors<Frames>
    private let window: DeviceWindow
    /// Configuration space in memory.
    private let regions: InlineArray<8, ConfigurationRegion>
    private let hidden: InlineArray<16, PCIFunction>
    /// What the firmware says of memory: base addresses are beside that.
    private let claimed: InlineArray<128, MachineRange>

    /// Functions and configuration space that the firmware told of. Nil without memory.
    init?(_ description: borrowing Description, online: Int, _ space: inout HostAddressSpace<MetalFrames>) {
        let source = MetalFrames(root.heap.reference)
        let reachable = Self.reachable(online)
        guard let window = space.makeWindow(), var functions = VirtualPCI<PCIAccess>(source),
            let words = source.allocate(order: MessageVectors<Frames>.order(processors: reachable), node: nil)
        else { return nil }
        var regions = InlineArray<8, ConfigurationRegion>(repeating: ConfigurationRegion())
        for index in 0..<description.configurationCount {
            regions[index] = description.configuration[index]
            if (try? functions.add(regions[index])) == nil { log.warning("PCI: a configuration space is not used") }
        }
        var claimed = InlineArray<128, MachineRange>(repeating: MachineRange(start: MFN(0), count: 0))
        for index in 0..<description.mapCount {
            claimed[index] = covering(description.map[index].start, description.map[index].size)
        }
        hidden = description.remapperFunctions
        self.functions = SpinLock(functions, rank: .domain)
        vectors = MessageVectors(Frames(), words: words.address, processors: reachable)
        self.window = window
        self.regions = regions
        self.claimed = claimed
    }

    /// Processors whose APIC's ID fits into a message.
    private static func reachable(_ online: Int) -> Int {
        var count = 0
        while count < online, root.state.pc.value.processors[count].apicID < 255 { count += 1 }
        return max(1, count)
    }

    /// Where bus 0 of configuration space in memory is, or would be, of which the firmware tells just so; else nil.
    func base(of segment: UInt16, _ firstBus: UInt8, _ lastBus: UInt8) -> UInt64? {
        for index in regions.indices {
            let region = regions[index]
            guard region.address != 0, region.segment == segment, region.firstBus == firstBus, region.lastBus == lastBus
            else { continue }
            return region.address &- UInt64(firstBus) << 20
        }
        return nil
    }

    /// Whether a function is the hypervisor's own: an IOMMU's, of which dom0 may read the registers.
    func isHidden(_ function: PCIFunction) -> Bool {
        for index in hidden.indices where hidden[index] == function { return true }
        return false
    }

    func isClaimed(_ range: MachineRange) -> Bool {
        for index in claimed.indices where claimed[index].overlaps(range) { return true }
        return false
    }

    // MARK: Configuration space

    func readConfiguration(_ function: PCIFunction, _ offset: UInt32, width: Int) -> UInt32 {
        if function.segment == 0, offset < 256 {
            x86_out32(0xcf8, portAddress(function, offset))
            let port = 0xcfc + UInt16(offset & 3)
            return switch width {
            case 1: UInt32(x86_in8(port))
            case 2: UInt32(x86_in16(port))
            default: x86_in32(port)
            }
        }
        return place(of: function, offset).map { UInt32(truncatingIfNeeded: read($0, width: width)) } ?? .max
    }

    func writeConfiguration(_ function: PCIFunction, _ offset: UInt32, _ value: UInt32, width: Int) {
        if isHidden(function) { return }
        if function.segment == 0, offset < 256 {
            x86_out32(0xcf8, portAddress(function, offset))
            let port = 0xcfc + UInt16(offset & 3)
            switch width {
            case 1: x86_out8(port, UInt8(truncatingIfNeeded: value))
            case 2: x86_out16(port, UInt16(truncatingIfNeeded: value))
            default: x86_out32(port, value)
            }
        } else if let place = place(of: function, offset) {
            write(place, UInt64(value), width: width)
        }
    }

    private func portAddress(_ function: PCIFunction, _ offset: UInt32) -> UInt32 {
        1 << 31 | UInt32(function.requester) << 8 | offset & 0xfc
    }

    private func place(of function: PCIFunction, _ offset: UInt32) -> MachineAddress? {
        for index in regions.indices {
            if regions[index].address != 0, let place = regions[index].place(of: function, offset) { return place }
        }
        return nil
    }

    // MARK: Device memory

    func read(_ address: MachineAddress, width: Int) -> UInt64 {
        let bus = window.show(address.frame, in: Frames())
        return switch width {
        case 1: UInt64(bus.read8(address.offset))
        case 2: UInt64(bus.read16(address.offset))
        case 4: UInt64(bus.read32(address.offset))
        default: bus.read64(address.offset)
        }
    }

    func write(_ address: MachineAddress, _ value: UInt64, width: Int) {
        let bus = window.show(address.frame, in: Frames())
        switch width {
        case 1: bus.write8(address.offset, UInt8(truncatingIfNeeded: value))
        case 2: bus.write16(address.offset, UInt16(truncatingIfNeeded: value))
        case 4: bus.write32(address.offset, UInt32(truncatingIfNeeded: value))
        default: bus.write64(address.offset, value)
        }
    }
}

/// Finds the functions, and gives them to dom0, with the memory that they decode.
@inline(never)
func startPCI(_ domain: MetalDomain) {
    guard root.state.pci.isSet else { return }
    let pci = root.state.pci.reference
    let access = PCIAccess(domain: domain, pcpu: PCPU(0), vcpu: nil)
    var count = 0
    pci.pointee.functions.withLock { functions in
        for number in 0..<UInt32(0x2000) {
            let first = PCIFunction(rawValue: number << 3)
            guard access.exists(first) else { continue }
            let isMultiple = access.readConfiguration(first, 0x0e, width: 1) >> 7 != 0
            for index in 0..<UInt32(isMultiple ? 8 : 1) {
                let function = PCIFunction(rawValue: first.rawValue | index)
                guard access.exists(function), !pci.pointee.isHidden(function) else { continue }
                do throws(PCIError) {
                    try functions.add(function, access)
                    count += 1
                } catch {
                    let reason: StaticString = error == .noMemory ? "no memory" : "unknown header"
                    log.warning("\(function.name): not watched: \(reason)")
                }
            }
        }
    }
    log.info("PCI: \(count) functions")
}
