// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Firmware
import Machine
import Memory

/// What the device tree says of the machine, in values that outlive the tree.
struct MachineDescription {
    struct Processor: BitwiseCopyable {
        var mpidr: UInt64 = 0
        var node = NUMANode(0)
        /// The word that it watches in a spin table; 0: it is started by PSCI.
        var release = MachineAddress(0)
    }

    var memory = RangeList<MachineSpace>()
    var reserved = RangeList<MachineSpace>()
    var processors = InlineArray<256, Processor>(repeating: Processor())
    var processorCount = 0
    var nodeCount = 1
    var gic: DeviceTree.GIC
    var timer: DeviceTree.Timer
    /// Nil where the firmware has none that is called by SMC: HVC would be us.
    var psci: DeviceTree.PSCI?
    let uart: SerialNode?
    /// GICv3: where the first region of redistributors starts.
    var redistributors: MachineAddress?

    /// Reads the tree, or stops the machine with the name of what is missing. Where EFI firmware left a map of the memory,
    /// that says what is free, and the tree only on which node it is.
    init(_ tree: borrowing DeviceTree, uart: SerialNode?, bootProcessor: UInt64, firmware: EFIMemoryMap) {
        self.uart = uart
        guard let gic = tree.gic() else { panic("no interrupt controller in the device tree: expected a GICv2 or GICv3") }
        guard let timer = tree.timer() else {
            panic("no generic timer in the device tree: expected arm,armv8-timer or arm,armv7-timer")
        }
        self.gic = gic
        self.timer = timer
        psci = tree.psci().flatMap { $0.conduit == .smc ? $0 : nil }
        var regions = tree.memoryRegions()
        while let memory = regions.next() {
            let node = UInt8(clamping: memory.numaNode ?? 0)
            nodeCount = max(nodeCount, Int(node) + 1)
            self.memory.insert(MachineRange(wholeFramesIn: memory.start, bytes: memory.size), tag: node)
        }
        if firmware.count > 0 { limitMemory(to: firmware) }
        if self.memory.count == 0 { panic("no memory in the device tree: expected nodes with device_type = memory") }
        var reservations = tree.memoryReservations()
        while let reservation = reservations.next() {
            reserved.insert(covering(reservation.region.start, reservation.region.size))
        }
        readProcessors(tree, boot: bootProcessor)
    }

    private mutating func limitMemory(to firmware: EFIMemoryMap) {
        let banks = memory
        memory = RangeList()
        var usable = firmware.usable()
        while let range = usable.next() {
            for index in 0..<banks.count {
                let bank = banks[index]
                let start = max(bank.range.start, range.start)
                let end = min(bank.range.end, range.end)
                if start < end {
                    memory.insert(MachineRange(start: start, count: end.rawValue - start.rawValue), tag: bank.tag)
                }
            }
            memory.insert(range)
        }
    }

    /// The boot processor first, the others in the tree's order.
    private mutating func readProcessors(_ tree: borrowing DeviceTree, boot: UInt64) {
        processors[0] = Processor(mpidr: boot)
        processorCount = 1
        var list = tree.processors()
        while let processor = list.next() {
            let node = NUMANode(UInt8(clamping: processor.numaNode ?? 0))
            if processor.mpidr == boot {
                processors[0].node = node
            } else if processorCount < processors.count {
                var next = Processor(mpidr: processor.mpidr, node: node)
                if case .spinTable(let address) = processor.enableMethod {
                    next.release = MachineAddress(address)
                    reserved.insert(covering(next.release, 8))
                }
                processors[processorCount] = next
                processorCount += 1
            }
        }
    }
}

/// A device tree's error in words.
func explain(_ error: DeviceTreeError) -> LogLine {
    switch error {
    case .truncated(let has, let needs): "it has \(has) bytes and says that it needs \(needs)"
    case .badMagic(let magic): "its magic number is 0x\(hex: UInt64(magic)), expected 0xd00dfeed"
    case .badSize(let size):
        "it gives its size as \(UInt64(size)) bytes, expected \(DeviceTree.headerSize) to \(DeviceTree.maximumSize)"
    case .unsupportedVersion(let version): "version \(version), expected 16 or 17"
    case .misplacedBlock: "a block lies outside the tree"
    case .malformed(let offset): "malformed at offset \(offset)"
    case .tooDeep(let offset): "nodes nested too deep at offset \(offset)"
    }
}

/// Every frame that `bytes` bytes from `start` on touch.
func covering(_ start: MachineAddress, _ bytes: UInt64) -> MachineRange {
    let end = alignedUp(start.rawValue &+ bytes, to: pageSize) ?? UInt64.max
    return MachineRange(start: start.frame, count: end >> pageShift &- start.frame.rawValue)
}

/// A kernel header's error in words.
func explain(_ error: LinuxImageError) -> LogLine {
    switch error {
    case .truncated: "it is shorter than a header"
    case .gzip: "it is packed twice"
    case .selfExtracting: "what is packed in it is an EFI application that unpacks itself"
    case .unknown(let arm64, let arm32):
        "magic numbers 0x\(hex: UInt64(arm64)) and 0x\(hex: UInt64(arm32)), expected 0x644d5241"
    case .bigEndian: "it is big-endian"
    case .cutShort(let has, let needs): "it is truncated: \(has) bytes, expected \(needs)"
    case .badSize: "its header's sizes contradict the file"
    }
}
