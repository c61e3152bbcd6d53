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

/// The ARM machine: set up by the boot CPU, read by all.
struct ARMMachine: ~Copyable {
    let gic: PhysicalGIC
    let processors: InlineArray<256, ProcessorRecord>
    let processorCount: Int
    /// Interrupt numbers of the generic timer: EL2's own, and the virtual one that guests use.
    let hypervisorTimer: UInt32
    let virtualTimer: UInt32
    let maintenance: UInt32
    /// Whether the virtual timer's physical interrupt is handed through. Not on a GICv2: QEMU's (7.2) does not look at a
    /// line again that a guest's end of interrupt has deactivated, so a timer that fired meanwhile would be lost.
    var mapsTimer: Bool { if case .v3 = gic { true } else { false } }
    var gicVersion: GICVersion { if case .v3 = gic { .v3 } else { .v2 } }
    /// CPUs that came up.
    var onlineCount: Int {
        var count = 0
        for index in 0..<processorCount where states[index].isOnline.load(ordering: .relaxed) { count += 1 }
        return count
    }
    /// Ticks per second of the counter.
    let frequency: UInt64
    /// Counter at system time 0.
    let bootCount: UInt64
    let features: FeatureRegisters
    let listRegisters: Int
    let interrupts: SpinLock<InterruptTable>
    let states: InlineArray<256, ProcessorState>

    /// Nanoseconds per tick as a fraction with 32 bits behind the point.
    let scale: UInt64

    @inline(__always) func nanoseconds(_ ticks: UInt64) -> UInt64 {
        let product = ticks.multipliedFullWidth(by: scale)
        return product.high << 32 | product.low >> 32
    }

    @inline(__always) var now: SystemTime { SystemTime(nanoseconds: nanoseconds(read_cntpct_el0() &- bootCount)) }
}

/// What CPUs tell each other.
struct ProcessorState: ~Copyable {
    let isOnline = Atomic<Bool>(false)
    /// Asked to look at the scheduler again.
    let reschedule = Atomic<Bool>(false)
}

extension ARMMachine {
    init(
        _ description: borrowing MachineDescription, gic: PhysicalGIC, processors: InlineArray<256, ProcessorRecord>,
        count: Int
    ) {
        self.gic = gic
        self.processors = processors
        processorCount = count
        hypervisorTimer = description.timer.hypervisor?.id ?? 26
        virtualTimer = description.timer.virtual?.id ?? 27
        maintenance = description.gic.maintenance?.id ?? 25
        let frequency = UInt64(description.timer.frequency ?? 0)
        self.frequency = frequency != 0 ? frequency : max(read_cntfrq_el0(), 1)
        scale = (1_000_000_000 << 32) / self.frequency
        bootCount = read_cntpct_el0()
        features = FeatureRegisters(host: readFeatureRegisters())
        switch gic {
        case .v2(let gic): listRegisters = min(gic.listRegisterCount, 16)
        case .v3(let gic): listRegisters = min(gic.listRegisterCount, 16)
        }
        interrupts = SpinLock(InterruptTable(), rank: .interruptController)
        states = InlineArray { _ in ProcessorState() }
    }
}

/// The redistributor of every CPU: frames follow each other in each region until one says that it is the last
/// (GICR_TYPER, ARM IHI 0069 12.11.38).
func findRedistributors(
    _ tree: borrowing DeviceTree, _ gic: DeviceTree.GIC, _ processors: inout InlineArray<256, ProcessorRecord>, count: Int,
    _ space: inout HostAddressSpace<MetalFrames>
) {
    for index in 0..<gic.redistributorRegions {
        guard let region = tree.redistributors(of: gic, index) else { continue }
        guard let base = space.mapDevice(region.start, size: region.size) else {
            panic("cannot map the GIC's redistributors at 0x\(hex: region.start.rawValue)")
        }
        var offset: UInt64 = 0
        while offset + 0x2_0000 <= region.size {
            // SAFETY: inside the mapping made above.
            let type = unsafe GICRedistributor(MappedBus(mappedAt: base + UInt(offset))).type
            let affinity = type >> 32
            let mpidr = affinity & 0xff_ffff | (affinity >> 24) << 32
            for number in 0..<count where processors[number].mpidr == mpidr {
                processors[number].redistributor = base + UInt(offset)
            }
            if type & 1 << 4 != 0 { break }
            offset += gic.redistributorStride ?? (type & 1 << 1 != 0 ? 0x4_0000 : 0x2_0000)
        }
    }
}

private func readFeatureRegisters() -> InlineArray<64, UInt64> {
    var values = InlineArray<64, UInt64>(repeating: 0)
    values[FeatureRegisters.index(1, 0)] = read_id_pfr0_el1()
    values[FeatureRegisters.index(1, 1)] = read_id_pfr1_el1()
    values[FeatureRegisters.index(1, 2)] = read_id_dfr0_el1()
    values[FeatureRegisters.index(1, 3)] = read_id_afr0_el1()
    values[FeatureRegisters.index(1, 4)] = read_id_mmfr0_el1()
    values[FeatureRegisters.index(1, 5)] = read_id_mmfr1_el1()
    values[FeatureRegisters.index(1, 6)] = read_id_mmfr2_el1()
    values[FeatureRegisters.index(1, 7)] = read_id_mmfr3_el1()
    values[FeatureRegisters.index(2, 0)] = read_id_isar0_el1()
    values[FeatureRegisters.index(2, 1)] = read_id_isar1_el1()
    values[FeatureRegisters.index(2, 2)] = read_id_isar2_el1()
    values[FeatureRegisters.index(2, 3)] = read_id_isar3_el1()
    values[FeatureRegisters.index(2, 4)] = read_id_isar4_el1()
    values[FeatureRegisters.index(2, 5)] = read_id_isar5_el1()
    values[FeatureRegisters.index(3, 0)] = read_mvfr0_el1()
    values[FeatureRegisters.index(3, 1)] = read_mvfr1_el1()
    values[FeatureRegisters.index(3, 2)] = read_mvfr2_el1()
    values[FeatureRegisters.index(4, 0)] = read_id_aa64pfr0_el1()
    values[FeatureRegisters.index(4, 1)] = read_id_aa64pfr1_el1()
    values[FeatureRegisters.index(5, 0)] = read_id_aa64dfr0_el1()
    values[FeatureRegisters.index(5, 1)] = read_id_aa64dfr1_el1()
    values[FeatureRegisters.index(5, 4)] = read_id_aa64afr0_el1()
    values[FeatureRegisters.index(5, 5)] = read_id_aa64afr1_el1()
    values[FeatureRegisters.index(6, 0)] = read_id_aa64isar0_el1()
    values[FeatureRegisters.index(6, 1)] = read_id_aa64isar1_el1()
    values[FeatureRegisters.index(6, 2)] = read_id_aa64isar2_el1()
    values[FeatureRegisters.index(7, 0)] = read_id_aa64mmfr0_el1()
    values[FeatureRegisters.index(7, 1)] = read_id_aa64mmfr1_el1()
    values[FeatureRegisters.index(7, 2)] = read_id_aa64mmfr2_el1()
    return values
}
