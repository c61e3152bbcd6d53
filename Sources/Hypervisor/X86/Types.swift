// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Firmware
import Machine
import Memory
import Scheduler
import Sync
import Synchronization
import Timekeeping
import X86
import X86Machine

/// Machine memory on this ISA.
typealias Frames = DirectMap
var frames: Frames { Frames() }

/// The heap's frames on this machine.
typealias MetalFrames = HeapFrames<Frames>

typealias MetalDomain = Ref<Domain<Metal>>
typealias MetalVCPU = Ref<VCPU<Metal>>

/// Nanoseconds since the hypervisor started.
func systemTime() -> SystemTime { root.state.clock.value.now() }

/// The same for the log, which is there before there is a clock.
func uptime() -> SystemTime? { root.state.clock.isSet ? systemTime() : nil }
func counterTicks() -> UInt64 { x86_read_tsc() }
/// A number of the pCPU that runs this.
func processorNumber() -> Int { frames.processorHint }

/// Where a 16550 has its registers on this ISA.
typealias SerialBus = PortBus

/// The part of the root that is particular to this ISA.
struct MachineState: ~Copyable {
    let pc = Once<PC>()
    /// What the firmware said; the boot CPU's.
    let description = SpinLock(Description(), rank: .boot)
    /// Frames for the tables that map all RAM.
    let tableFrames = SpinLock(FramePool(), rank: .frameAllocator)
    let reset = Once<ResetRegister>()
    let clock = Once<PCClock>()
    /// The ISA line by which the console interrupts; below 0: none.
    let consolePin = Atomic<Int>(4)
    /// `console=` names the screen, and it shows text.
    let wantsScreen = Atomic<Bool>(false)
    let ticksAreReported = Atomic<Bool>(false)
    let scheduler = RoundRobin()
    let units = Once<UnitTable>()
    let dom0 = Once<MetalDomain>()
    let domains = Once<DomainDirectory<Metal>>()
    /// What every domain besides dom0 is made with.
    let mould = Once<DomainMould>()
    /// The number of the last grace period that has begun.
    let grace = Atomic<UInt64>(0)
    /// The grace period that each pCPU has last gone through.
    let graces = FixedArray<256, Atomic<UInt64>> { _ in Atomic(0) }
    let guestLog = SpinLock(GuestLogBudget(), rank: .console)
    let dom0IsReady = Atomic<Bool>(false)
    let wallclock = SpinLock(Wallclock(), rank: .timer)
    /// Whether a hypercall copies from or to its guest, by pCPU.
    let copying = FixedArray<256, CopyWindow> { _ in CopyWindow() }
    /// What the command line has left of the processor's features.
    let allowedFeatures = SpinLock(CPUFeatureSet.all, rank: .domainTable)
    let policy = Once<CPUIDPolicy>()
    let speculation = Once<SpeculationPlan>()
    let speculationFacts = Once<SpeculationFacts>()
    let machineMap = Once<MachineMap>()
    let remapping = Once<DMARemapping>()
    let pci = Once<HostPCI>()
    /// RAM that was set aside for dom0 before there was a heap.
    let dom0Memory = SpinLock(RangeList<MachineSpace>(), rank: .domain)
}
