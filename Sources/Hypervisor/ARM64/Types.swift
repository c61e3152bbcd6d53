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

/// Machine memory on this ISA.
typealias Frames = DirectMap
var frames: Frames { Frames() }

/// Nanoseconds since the hypervisor started.
func systemTime() -> SystemTime { root.state.machine.value.now }

/// The same for the log, which is there before there is a clock.
func uptime() -> SystemTime? { root.state.machine.isSet ? systemTime() : nil }
func counterTicks() -> UInt64 { read_cntpct_el0() }
/// A number of the pCPU that runs this.
func processorNumber() -> Int { frames.processorHint }

/// The part of the root that is particular to this ISA.
struct MachineState: ~Copyable {
    let machine = Once<ARMMachine>()
    let scheduler = RoundRobin()
    let units = Once<UnitTable>()
    let dom0 = Once<MetalDomain>()
    let domains = Once<DomainDirectory<Metal>>()
    /// What every domain besides dom0 is made with.
    let mould = Once<DomainMould>()
    /// What guests are told of the firmware's workarounds, and the processors' faults (`hardenCPU`).
    let workarounds = Atomic<UInt32>(0)
    let errata = Atomic<UInt32>(0)
    let vmids = SpinLock(VMIDTable(), rank: .domain)
    /// The number of the last grace period that has begun.
    let grace = Atomic<UInt64>(0)
    /// The grace period that each pCPU has last gone through.
    let graces = FixedArray<256, Atomic<UInt64>> { _ in Atomic(0) }
    let guestLog = SpinLock(GuestLogBudget(), rank: .console)
    /// The firmware has PSCI 0.2 or later, as far as we know.
    let canPowerOff = Atomic<Bool>(true)
    let dom0IsReady = Atomic<Bool>(false)
    let wallclock = SpinLock(Wallclock(), rank: .timer)
    /// Whether a hypercall copies from or to its guest, by pCPU.
    let copying = FixedArray<256, CopyWindow> { _ in CopyWindow() }
}
