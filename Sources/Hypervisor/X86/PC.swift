// SPDX-License-Identifier: Apache-2.0

import ArchCommon
import ArchX86
import Base
import Drivers
import Firmware
import MMIO
import Machine
import Sync
import Synchronization
import Timekeeping
import X86
import X86Machine

/// The PC: set up by the boot CPU, read by all.
struct PC: ~Copyable {
    let features: ProcessorFeatures
    let hiddenRanges: HiddenRanges
    let localAPIC: LocalAPIC<LocalAPICBus>
    let timer: TimerKind
    /// The I/O APIC whose pins dom0 gets, and where it is.
    let ioAPIC: SpinLock<IOAPIC<MappedBus>?>
    let ioAPICFrame: MFN
    /// Parts of XCR0 that are moved between vCPUs; 0 where there is no XSAVE.
    let extendedStates: UInt64
    /// The processor saves where the next instruction is.
    let savesNextInstruction: Bool
    /// The hypervisor's PML4.
    let table: MachineAddress
    /// By logical number.
    let processors: InlineArray<256, Description.Processor>
    let states = InlineArray<256, ProcessorState> { _ in ProcessorState() }
}

/// What CPUs tell each other.
struct ProcessorState: ~Copyable {
    let isOnline = Atomic<Bool>(false)
    /// Timer interrupts taken.
    let ticks = Atomic<UInt32>(0)
    /// Time stamp at which the next one is due.
    let deadline = Atomic<UInt64>(0)
    /// Machine address of the control block for this CPU's own state; 0 where there is no virtualisation.
    let hostBlock = Atomic<UInt64>(0)
    /// Asked to look at the scheduler again.
    let reschedule = Atomic<Bool>(false)
    let timerFired = Atomic<Bool>(false)
    /// A timer of one of its vCPUs is set to another time.
    let timerChanged = Atomic<Bool>(false)

    /// The serial port may have input.
    let consoleFired = Atomic<Bool>(false)

    /// An NMI came that nobody has told of yet.
    let hasNMI = Atomic<Bool>(false)

    /// Something for the run loop to see to.
    @inline(__always) var hasNews: Bool {
        reschedule.load(ordering: .relaxed) || timerFired.load(ordering: .relaxed) || timerChanged.load(ordering: .relaxed)
            || consoleFired.load(ordering: .relaxed)
    }
}

/// How a local APIC's timer is set.
enum TimerKind {
    /// To a value of the time stamp counter.
    case deadline
    /// To a number of counts at this rate in Hz.
    case count(UInt64)
}

/// System time by the time stamp counter.
struct PCClock: Clock {
    /// In Hz.
    let frequency: UInt64
    let scale: TimeScale

    init(frequency: UInt64) {
        self.frequency = frequency
        scale = TimeScale(frequency: frequency, origin: x86_read_tsc(), base: SystemTime(nanoseconds: 0))
    }

    func now() -> SystemTime { scale.time(counter: x86_read_tsc()) }

    /// Counts of the time stamp counter in a time.
    func counts(nanoseconds: UInt64) -> UInt64 { Calibration.scale(nanoseconds, by: frequency, over: 1_000_000_000) }

    /// Busy for a while.
    func delay(microseconds: UInt64) {
        let end = x86_read_tsc() &+ counts(nanoseconds: microseconds * 1000)
        while Int64(bitPattern: end &- x86_read_tsc()) > 0 { cpu_relax() }
    }
}

extension PC {
    /// Silences what interrupted for the firmware, turns the boot CPU's APIC on and finds out how its timer is set.
    init(
        _ description: borrowing Description, features: ProcessorFeatures, useX2APIC: Bool, table: MachineAddress,
        _ space: inout HostAddressSpace<MetalFrames>
    ) {
        if description.hasLegacyPICs {
            LegacyPIC(first: PortBus(0x20), second: PortBus(0xa0)).silence(vector: Vector.legacy)
        }
        var first: IOAPIC<MappedBus>?
        for index in 0..<description.ioAPICCount {
            let controller = IOAPIC(mapDevice(UInt64(description.ioAPICs[index]), "an I/O APIC", &space))
            controller.maskAll()
            first = first ?? controller
        }
        ioAPIC = SpinLock(first, rank: .interruptController)
        ioAPICFrame = MachineAddress(UInt64(description.ioAPICs[0])).frame
        extendedStates = root.state.policy.value.controls.extendedStates
        savesNextInstruction = features.savesNextInstruction
        let bus: LocalAPICBus =
            useX2APIC ? .x2(X2APICBus()) : .memory(mapDevice(LocalAPICMode.address, "the local APIC", &space))
        localAPIC = LocalAPIC(bus, isX2: useX2APIC)
        LocalAPICMode.enable(x2: useX2APIC)
        localAPIC.start(spurious: Vector.spurious, error: Vector.error)
        processors = description.processors
        self.features = features
        hiddenRanges = HiddenRanges(features)
        self.table = table
        timer = Self.findTimer(localAPIC, features)
    }

    /// CPUs that came up. They have the first numbers but where one in the middle failed.
    var onlineCount: Int {
        var count = 0
        while count < states.count, states[count].isOnline.load(ordering: .relaxed) { count += 1 }
        return count
    }

    /// Whether a page is a device of the hypervisor's own.
    func isHidden(_ frame: MFN) -> Bool { hasHidden(in: MachineRange(start: frame, count: 1)) }

    /// Whether one of a range's is.
    func hasHidden(in range: MachineRange) -> Bool {
        if root.state.remapping.isSet, root.state.remapping.value.hasRegisters(in: range) { return true }
        return range.contains(ioAPICFrame) || hiddenRanges.overlaps(range)
    }

    private static func findTimer(_ localAPIC: LocalAPIC<LocalAPICBus>, _ features: ProcessorFeatures) -> TimerKind {
        if features.hasTSCDeadline {
            log.info("APIC timer: TSC deadline")
            return .deadline
        }
        let counter = LocalAPICCounter(localAPIC: localAPIC)
        counter.start()
        guard let frequency = Calibration.frequency(of: counter, by: ClockCounter(root.state.clock.value), milliseconds: 20),
            frequency > 0
        else { panic("the local APIC's timer does not count") }
        localAPIC.setTimer(0)
        log.info("APIC timer: \(frequency / 1000) kHz")
        return .count(frequency)
    }
}

/// A local APIC's timer, counting up.
struct LocalAPICCounter: MeasuredCounter {
    let localAPIC: LocalAPIC<LocalAPICBus>

    func start() {
        localAPIC.startOneShotTimer(vector: Vector.timer)
        localAPIC.setTimer(.max)
    }

    func read() -> UInt64 { UInt64(UInt32.max - localAPIC.timerCount) }
}

/// The time stamp counter, whose rate is known by now.
struct ClockCounter: ReferenceCounter {
    let frequency: UInt64
    init(_ clock: PCClock) { frequency = clock.frequency }
    var mask: UInt64 { .max }
    func read() -> UInt64 { x86_read_tsc() }
}

/// Maps a device that the machine cannot do without.
func mapDevice(
    _ start: UInt64, _ name: StaticString, size: UInt64 = pageSize, _ space: inout HostAddressSpace<MetalFrames>
) -> MappedBus {
    guard let base = space.mapDevice(MachineAddress(start), size: size) else {
        panic("cannot map \(name) at 0x\(hex: start)")
    }
    // SAFETY: just mapped, for good.
    return unsafe MappedBus(mappedAt: base)
}
