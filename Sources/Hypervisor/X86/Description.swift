// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import DomainBuilder
import Firmware
import Machine
import VirtualPCI

/// What loader and firmware say of the machine, in values that outlive their tables.
struct Description {
    struct Processor: BitwiseCopyable {
        var apicID: UInt32 = 0
        var node = NUMANode(0)
    }

    /// A file that the loader brought, in bytes.
    struct Module: BitwiseCopyable {
        var start = MachineAddress(0)
        var size: UInt64 = 0
    }

    /// Usable RAM, each range with its node.
    var memory = RangeList<MachineSpace>()
    /// What of it is in use.
    var reserved = RangeList<MachineSpace>()
    /// What of that is the loader's own account of the machine, which is read once.
    var information = MachineRange(start: MFN(0), count: 0)
    var modules = InlineArray<16, Module>(repeating: Module())
    var moduleCount = 0
    /// The boot processor first, the others in the firmware's order.
    var processors = InlineArray<256, Processor>(repeating: Processor())
    var processorCount = 1
    /// Proximity domain of each node.
    var domains = InlineArray<64, UInt32>(repeating: 0)
    var nodeCount = 0
    /// Machine address of the local APICs' registers; 0 where no table says.
    var localAPIC: UInt64 = 0
    var ioAPICs = InlineArray<32, UInt32>(repeating: 0)
    var ioAPICCount = 0
    var hasLegacyPICs = true
    var fixed: ACPI.FixedDescription?
    var eventTimer: ACPI.Register?
    /// IOMMUs, all of one kind.
    var remappers = InlineArray<16, UInt64>(repeating: 0)
    var remapperCount = 0
    /// What the I/O APIC signs its messages with, where they know it.
    var ioAPICRequester: UInt16?
    /// The PCI functions that they are, where they are any.
    var remapperFunctions = InlineArray<16, PCIFunction>(repeating: PCIFunction(rawValue: .max))
    var remappingKind = ACPI.RemappingKind.intel
    /// PCI configuration space in memory.
    var configuration = InlineArray<8, ConfigurationRegion>(repeating: ConfigurationRegion())
    var configurationCount = 0
    /// What devices use for the firmware, in bytes.
    var firmwareMemory = InlineArray<16, MapEntry>(repeating: MapEntry())
    var firmwareMemoryCount = 0
    /// The loader's map as it was, for dom0's.
    var map = InlineArray<128, MapEntry>(repeating: MapEntry())
    var mapCount = 0
    /// dom0's command line.
    var kernelWords = InlineArray<2048, UInt8>(repeating: 0)
    var kernelWordCount = 0
    var tables = PVHTables()
    /// The processor runs guests.
    var canVirtualise = false

    struct MapEntry: BitwiseCopyable {
        var start: UInt64 = 0
        var size: UInt64 = 0
        var kind = MemoryKind.reserved
    }

    /// The node of a proximity domain, which is new where it was not heard of before.
    mutating func node(of domain: UInt32) -> NUMANode {
        for index in 0..<nodeCount where domains[index] == domain { return NUMANode(UInt8(index)) }
        guard nodeCount < domains.count else { return NUMANode(0) }
        domains[nodeCount] = domain
        nodeCount += 1
        return NUMANode(UInt8(nodeCount - 1))
    }
}

/// Every frame that `bytes` bytes from `start` on touch.
func covering(_ start: UInt64, _ bytes: UInt64) -> MachineRange {
    let sum = start.addingReportingOverflow(bytes)
    let end = alignedUp(sum.overflow ? UInt64.max : sum.partialValue, to: pageSize) ?? alignedDown(UInt64.max, to: pageSize)
    let first = MachineAddress(start).frame
    let last = end >> pageShift
    return MachineRange(start: first, count: last > first.rawValue ? last - first.rawValue : 0)
}

// MARK: Memory

extension Description {
    /// The loader's map: what is usable, less what anything else also claims, below `limit`.
    mutating func readMemory(_ information: borrowing BootInformation, limit: UInt64) {
        var usable = information.memoryMap()
        // Neighbours are joined: a loader may give a range in many pieces.
        var pending = MachineRange(start: MFN(0), count: 0)
        while let entry = usable.next() {
            log.info(
                "  [\(hex: entry.start, digits: 16), \(hex: entry.start &+ entry.size &- 1, digits: 16)] (\(name(entry.kind)))"
            )
            keep(entry)
            guard entry.kind == .usable else { continue }
            let range = MachineRange(wholeFramesIn: MachineAddress(entry.start), bytes: entry.size)
            if !pending.isEmpty, pending.end == range.start {
                pending.count += range.count
            } else {
                memory.insert(pending)
                pending = range
            }
        }
        memory.insert(pending)
        var rest = information.memoryMap()
        while let entry = rest.next() {
            if entry.kind != .usable { memory.remove(covering(entry.start, entry.size)) }
        }
        let beyond = MachineRange(start: MachineAddress(limit).frame, count: UInt64.max >> pageShift - limit >> pageShift)
        let before = memory.frames
        memory.remove(beyond)
        if memory.frames < before {
            log.warning("\((before - memory.frames) >> 8) MiB of RAM above 0x\(hex: limit) are not used")
        }
        if memory.dropped > 0 { log.warning("memory map: \(memory.dropped) ranges too many are not used") }
        guard memory.count > 0 else { panic("no usable memory in the loader's map") }
    }

    private mutating func keep(_ entry: MemoryMapEntry) {
        guard mapCount < map.count else { return }
        map[mapCount] = MapEntry(start: entry.start, size: entry.size, kind: entry.kind)
        mapCount += 1
    }

    private func name(_ kind: MemoryKind) -> StaticString {
        switch kind {
        case .usable: "usable"
        case .reserved: "reserved"
        case .acpiReclaimable: "ACPI data"
        case .acpiNonVolatile: "ACPI NVS"
        case .unusable: "unusable"
        }
    }

    /// Modules, and what the loader left beside them.
    mutating func readModules(_ information: borrowing BootInformation) {
        self.information = covering(information.extent.start, information.extent.size)
        reserved.insert(self.information)
        var index = 0
        while let module = information.module(index) {
            index += 1
            if index == 1 { keepWords(information.words(of: module.words)) }
            guard moduleCount < modules.count else { continue }
            modules[moduleCount] = Module(start: module.start, size: module.size)
            moduleCount += 1
            reserved.insert(covering(module.start.rawValue, module.size))
        }
        if index > moduleCount { log.warning("\(index - moduleCount) modules too many are not used") }
    }
}

extension Description {
    private mutating func keepWords(_ words: Span<UInt8>) {
        kernelWordCount = min(words.count, kernelWords.count - 1)
        for index in 0..<kernelWordCount { kernelWords[index] = words[index] }
    }
}

// MARK: ACPI

extension Description {
    /// What dom0's tables are made of.
    private mutating func keepTables(_ acpi: borrowing ACPI) {
        var left = 0
        acpi.forEachTable { address, table in
            if PVHTables.isHandedOn(table), !tables.addTable(address) { left += 1 }
        }
        if left > 0 { log.warning("ACPI: \(left) tables are not handed on to dom0") }
        tables.ioAPIC = ioAPICs[0]
    }

    mutating func readTables(_ acpi: borrowing ACPI, boot: UInt32, maximumID: UInt32) {
        if acpi.unreadable > 0 { log.warning("ACPI: \(acpi.unreadable) tables cannot be read") }
        acpi.forEachTable { address, table in
            if table.byteSum != 0 { log.warning("ACPI: table \(table.slice(from: 0, count: 4)) has a wrong checksum") }
        }
        if let table = acpi.table("SRAT") { readAffinities(ACPI.Affinities(table)) }
        if let table = acpi.table("APIC") { readInterrupts(ACPI.InterruptEntries(table), boot: boot, maximumID: maximumID) }
        if let table = acpi.table("SRAT") { assignProcessors(ACPI.Affinities(table)) }
        keepTables(acpi)
        if let table = acpi.table("FACP") { fixed = ACPI.FixedDescription(table) }
        if let table = acpi.table("HPET") { eventTimer = ACPI.eventTimer(table) }
        if let table = acpi.table("MCFG") { readConfiguration(ACPI.ConfigurationEntries(table)) }
        readRemapping(acpi, .amd)
        if remapperCount == 0 { readRemapping(acpi, .intel) }
    }

    private mutating func readConfiguration(_ list: consuming ACPI.ConfigurationEntries) {
        var entries = list
        while let entry = entries.next() {
            guard configurationCount < configuration.count else {
                return log.warning("a PCI configuration space too many is not used")
            }
            configuration[configurationCount] = ConfigurationRegion(
                base: entry.base, segment: entry.segment, buses: entry.firstBus...entry.lastBus)
            configurationCount += 1
        }
    }

    private mutating func readRemapping(_ acpi: borrowing ACPI, _ kind: ACPI.RemappingKind) {
        guard let table = acpi.table(kind.signature) else { return }
        remappingKind = kind
        ioAPICRequester = ACPI.requester(ofIOAPIC: tables.ioAPICID, in: table, kind: kind)
        var entries = ACPI.RemappingEntries(table, kind: kind)
        while let entry = entries.next() {
            switch entry {
            case .unit(_, let registers, let function): addRemapper(registers, function)
            case .reserved(let start, let size) where firmwareMemoryCount < firmwareMemory.count:
                firmwareMemory[firmwareMemoryCount] = MapEntry(start: start, size: size)
                firmwareMemoryCount += 1
            default: break
            }
        }
    }

    private mutating func addRemapper(_ registers: UInt64, _ function: UInt16?) {
        for index in 0..<remapperCount where remappers[index] == registers { return }
        guard remapperCount < remappers.count else { return log.warning("an IOMMU too many is not used") }
        remappers[remapperCount] = registers
        if let function { remapperFunctions[remapperCount] = PCIFunction(rawValue: UInt32(function)) }
        remapperCount += 1
    }

    /// Gives each piece of RAM its node; what no entry covers stays with node 0.
    private mutating func readAffinities(_ list: consuming ACPI.Affinities) {
        var tagged = RangeList<MachineSpace>()
        var entries = list
        while let entry = entries.next() {
            guard case .memory(let start, let size, let domain, _) = entry, size > 0 else { continue }
            let node = node(of: domain)
            log.notice(
                "SRAT: Node \(node.rawValue) PXM \(domain) [\(hex: start, digits: 16), \(hex: start &+ size &- 1, digits: 16)]"
            )
            let claimed = MachineRange(wholeFramesIn: MachineAddress(start), bytes: size)
            for index in 0..<memory.count {
                let range = memory[index].range
                guard range.overlaps(claimed) else { continue }
                let first = max(range.start, claimed.start)
                let last = min(range.end, claimed.end)
                tagged.insert(MachineRange(start: first, count: last.rawValue - first.rawValue), tag: node.rawValue)
            }
        }
        for index in 0..<memory.count { tagged.insert(memory[index].range) }
        memory = tagged
    }

    private mutating func readInterrupts(_ list: consuming ACPI.InterruptEntries, boot: UInt32, maximumID: UInt32) {
        localAPIC = UInt64(list.localAPIC)
        hasLegacyPICs = list.hasLegacyPICs
        var entries = list
        var ignored = 0
        while let entry = entries.next() {
            switch entry {
            case .processor(let id, _, true):
                if !addProcessor(id, boot: boot, maximumID: maximumID) { ignored += 1 }
            case .isaOverride(let line, let interrupt, let flags):
                tables.addOverride(PVHTables.Override(line: line, interrupt: interrupt, flags: flags))
            case .ioAPIC(let id, let address, _) where ioAPICCount < ioAPICs.count:
                ioAPICs[ioAPICCount] = address
                if ioAPICCount == 0 { tables.ioAPICID = id }
                ioAPICCount += 1
            case .localAPICAddress(let address): localAPIC = address
            default: break
            }
        }
        if ignored > 0 { log.warning("\(ignored) CPUs are not used: too many, or their APIC IDs above \(maximumID)") }
    }

    /// False where there is no room. A processor may be listed twice, by its short and by its long ID.
    private mutating func addProcessor(_ id: UInt32, boot: UInt32, maximumID: UInt32) -> Bool {
        guard id != boot else { return true }
        for index in 1..<max(processorCount, 1) where processors[index].apicID == id { return true }
        guard id <= maximumID, processorCount < processors.count else { return false }
        processors[processorCount].apicID = id
        processorCount += 1
        return true
    }

    private mutating func assignProcessors(_ list: consuming ACPI.Affinities) {
        var entries = list
        while let entry = entries.next() {
            guard case .processor(let id, let domain) = entry else { continue }
            for index in 0..<processorCount where processors[index].apicID == id {
                processors[index].node = node(of: domain)
            }
        }
    }
}
