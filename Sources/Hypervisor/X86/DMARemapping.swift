// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Drivers
import Firmware
import MMIO
import Machine
import Memory
import P2M
import Sync
import Synchronization
import X86
import X86Machine

/// One IOMMU.
enum Remapper {
    case amd(AMDIOMMU<MappedBus, Frames>)
    case intel(IntelIOMMU<MappedBus>)

    /// False where it does not answer.
    mutating func flush() -> Bool {
        switch self {
        case .amd(var unit):
            let isDone = unit.flush()
            self = .amd(unit)
            return isDone
        case .intel(let unit): return unit.flush()
        }
    }

    func nextFault() -> RemappingFault? {
        switch self {
        case .amd(let unit): unit.nextEvent()
        case .intel(let unit): unit.nextFault()
        }
    }

    /// Whether it sees writes to page tables without being told.
    var seesWrites: Bool {
        switch self {
        case .amd: true
        case .intel(let unit): unit.isCoherent && !unit.remembersAbsence
        }
    }
}

/// The IOMMUs: what dom0's devices do goes by dom0's own page tables, so that they reach no memory but dom0's.
struct DMARemapping: ~Copyable {
    struct Units: ~Copyable {
        var list = InlineArray<16, Remapper?> { _ in nil }
        var count = 0
        /// When the faults were looked at last.
        var reported = SystemTime(nanoseconds: 0)
    }
    let units = SpinLock(Units(), rank: .interruptController)
    /// Of the registers.
    private let frames: InlineArray<16, MFN>
    let kind: ACPI.RemappingKind
    /// What the I/O APIC signs its messages with, where they know it.
    let ioAPICRequester: UInt16?
    /// Machine address of what says how messages are remapped: AMD's device table. 0 while they are not.
    let interruptTables = Atomic<UInt64>(0)
    private let isOn = Atomic<Bool>(false)
    private let mustBeTold = Atomic<Bool>(false)

    private var name: StaticString { kind == .amd ? "AMD-Vi" : "Intel VT-d" }

    /// Bytes of registers that are mapped for each.
    fileprivate static var registerBytes: UInt64 { 4 * pageSize }
    fileprivate static var registerFrames: UInt64 { registerBytes >> pageShift }

    fileprivate init(_ description: borrowing Description, _ space: inout HostAddressSpace<MetalFrames>) {
        kind = description.remappingKind
        ioAPICRequester = description.ioAPICRequester
        var frames = InlineArray<16, MFN>(repeating: MFN(0))
        for index in 0..<description.remapperCount { frames[index] = MachineAddress(description.remappers[index]).frame }
        self.frames = frames
        for index in 0..<description.remapperCount {
            let bus = mapDevice(description.remappers[index], "an IOMMU", size: Self.registerBytes, &space)
            let unit: Remapper
            if description.remappingKind == .intel {
                unit = .intel(IntelIOMMU(bus))
            } else {
                guard let rings = root.heap.value.allocate(order: AMDIOMMU<MappedBus, Frames>.ringOrder, node: nil) else {
                    panic("no memory for an IOMMU's commands")
                }
                unit = .amd(AMDIOMMU(bus, memory: Frames(), rings: rings.address))
            }
            units.withLock {
                $0.list[$0.count] = unit
                $0.count += 1
            }
        }
    }

    /// Whether there are registers of an IOMMU in a range, which no guest gets.
    func hasRegisters(in range: MachineRange) -> Bool {
        let size: UInt64 = kind == .amd ? Self.registerFrames : 1
        for index in frames.indices where frames[index].rawValue != 0 {
            if range.overlaps(MachineRange(start: frames[index], count: size)) { return true }
        }
        return false
    }

    // MARK: Page tables

    /// Why the units cannot walk the P2M's tables; nil where they can.
    fileprivate var obstacle: StaticString? {
        let hasHugePages = root.state.pc.value.features.hasHugePages
        return units.withLock {
            var common: Int?
            for index in 0..<$0.count {
                guard case .intel(let unit)? = $0.list[index] else { continue }
                guard let levels = unit.levels else { return "an IOMMU walks neither three nor four levels" }
                // They share the tables that lead to the P2M's.
                if levels != common ?? levels { return "an IOMMU walks more levels than another" }
                common = levels
                if !unit.hasLargePages || (hasHugePages && !unit.hasHugePages) {
                    return "an IOMMU has not the processor's page sizes"
                }
            }
            return nil
        }
    }

    /// Translation of all devices' DMA starts.
    fileprivate func start(_ domain: MetalDomain) {
        let order = kind == .amd ? AMDIOMMU<MappedBus, Frames>.deviceTableOrder : 1
        guard let tables = root.heap.value.allocate(order: order, node: nil) else {
            panic("no memory for the IOMMUs' tables")
        }
        units.withLock { units in
            for index in 0..<units.count {
                let isStarted: Bool
                switch units.list[index] {
                case .amd(var unit)?:
                    if index == 0 {
                        AMDIOMMU<MappedBus, Frames>.fill(
                            tables.address, root: domain.pointee.extra.nested.root, in: Frames())
                        refuseInterrupts(tables.address)
                    }
                    isStarted = unit.start(deviceTable: tables.address)
                    units.list[index] = .amd(unit)
                case .intel(let unit)?: isStarted = start(unit, domain, rootTable: tables, isFirst: index == 0)
                case nil: continue
                }
                guard isStarted else { panic("IOMMU \(index) does not answer") }
                if !(units.list[index]?.seesWrites ?? true) { mustBeTold.store(true, ordering: .relaxed) }
                log.notice("\(name): IOMMU \(index) Enabled.")
            }
        }
        isOn.store(true, ordering: .releasing)
    }

    private func start(_ unit: IntelIOMMU<MappedBus>, _ domain: MetalDomain, rootTable: MFN, isFirst: Bool) -> Bool {
        let levels = unit.levels ?? 4
        let context = rootTable + 1
        if isFirst {
            // With three levels the lowest 512 GiB are all that there is.
            guard
                let table = levels == 4
                    ? domain.pointee.extra.nested.root : domain.pointee.extra.nested.table(for: GFN(0), level: 1)
            else { return false }
            IntelIOMMU<MappedBus>.fill(
                rootTable.address, contextTable: context.address, root: table, levels: levels, in: Frames())
        }
        if !unit.isCoherent { x86_write_back_caches() }
        return unit.start(rootTable: rootTable.address)
    }

    /// Entries of the page tables were written that were not there before.
    @inline(__always)
    func entriesWritten() {
        guard mustBeTold.load(ordering: .relaxed) else { return }
        x86_write_back_caches()
        flush()
    }

    /// No device uses an entry that was taken away, from now on.
    func flush() {
        guard isOn.load(ordering: .acquiring) else { return }
        let isDone = units.withLock { units in
            for index in 0..<units.count { if units.list[index]?.flush() == false { return false } }
            return true
        }
        // Somebody's DMA might still go where it may not.
        if !isDone { panic("an IOMMU does not answer") }
    }

    // MARK: Faults

    /// Tells of what devices did that they may not do, once a second and not for ever.
    func reportFaults() {
        let now = systemTime()
        units.withLock { units in
            guard now.nanoseconds &- units.reported.nanoseconds >= 1_000_000_000 else { return }
            units.reported = now
            for index in 0..<units.count {
                var count = 0
                while count < 256, let fault = units.list[index]?.nextFault() {
                    count += 1
                    if count <= 4 { report(fault) }
                }
                if count > 4 { log.warning("IOMMU \(index): \(count - 4) more faults") }
            }
        }
    }

    private func report(_ fault: RemappingFault) {
        let device = UInt64(fault.device)
        let access: StaticString = fault.isWrite ? "write" : "read"
        log.warning(
            "\(name): \(access) by \(hex: device >> 8, digits: 2):\(hex: device >> 3 & 31, digits: 2).\(hex: device & 7) at \(hex: fault.address) refused, reason \(fault.reason)"
        )
    }
}

/// Maps the registers of the IOMMUs that the firmware told of.
@inline(never)
func findRemappers(_ description: borrowing Description, _ space: inout HostAddressSpace<MetalFrames>) {
    guard description.remapperCount > 0 else { return }
    root.state.remapping.set(DMARemapping(description, &space))
}

/// Whether there are IOMMUs that can be used. If not, dom0 is mapped one to one.
func canRemapDMA() -> Bool {
    guard root.state.remapping.isSet else { return false }
    guard let obstacle = root.state.remapping.value.obstacle else { return true }
    log.warning("\(obstacle): it is not used")
    return false
}

/// From here on dom0's devices reach dom0's memory alone, unless that is mapped one to one.
@inline(never)
func startRemapping(_ domain: MetalDomain) {
    if domain.pointee.isDirectMapped {
        log.notice("I/O virtualisation disabled")
        log.notice("d0 is mapped one to one: DMA goes through no IOMMU")
    } else {
        root.state.remapping.value.start(domain)
        log.notice("I/O virtualisation enabled")
        let remaps: StaticString = root.state.remapping.value.remapsInterrupts ? "enabled" : "disabled"
        log.notice("Interrupt remapping \(remaps)")
        log.notice("d0: DMA goes by its page tables")
    }
}
