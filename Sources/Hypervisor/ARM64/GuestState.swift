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

/// What this ISA keeps of a domain.
struct ARMDomain: ~Copyable {
    /// The private interrupt that carries event channels (GUEST_EVTCHN_PPI, arch-arm.h).
    static var eventInterrupt: UInt32 { 31 }

    let gic: VirtualGIC<MetalFrames>
    /// VTTBR_EL2: root of stage 2 and VMID.
    let vttbr: UInt64
    let vmid: VMID
    let vtcr: UInt64
    /// Where the guest sees the distributor, and (v3) the redistributors; bytes.
    let distributor: GuestAddress
    let distributorSize: UInt64
    let redistributors: GuestAddress
    let redistributorsSize: UInt64
    /// The private interrupt that is its virtual timer's.
    let timer: UInt32
    /// What its toolstack said of it; a new domain's is 32-bit (Xen: domain_type).
    let is64Bit = Atomic<Bool>(false)
}

/// What this ISA keeps of a vCPU. The cells are the pCPU's that runs it.
struct ARMVCPU: ~Copyable {
    let frame = Cell(guest_frame())
    let el1 = Cell(el1_state())
    let fp = Cell(fp_state())
    let interface = Cell(InterfaceState())
    /// 0, or 1 + the pCPU on which it runs: where a kick has to go.
    let place = Atomic<UInt32>(0)
    /// 0, or 1 + the pCPU whose registers are this vCPU's, whether it runs there or not.
    let holder = Atomic<UInt32>(0)
    /// 0, or 1 + the pCPU that it goes to as soon as the one on which it runs asks the scheduler.
    let destination = Atomic<UInt32>(0)
    /// Its registers are ready to run: set after `reset`, cleared before it is unloaded for good.
    let isRunnable = Atomic<Bool>(false)
    /// When it is woken whatever happens, while it does not run.
    let deadlines = WakeDeadlines()
    /// A virtual SError waits for it (HCR_EL2.VSE); the pCPU that has its registers has that bit too.
    let hasSystemError = Atomic<Bool>(false)
    let mpidr: UInt64
}

/// The virtual CPU interface of the GIC, saved while another vCPU uses the hardware's.
struct InterfaceState: BitwiseCopyable {
    var control: UInt64 = 0
    var activePriorities = InlineArray<4, UInt64>(repeating: 0)
    /// The virtual timer's physical interrupt is active on behalf of this vCPU.
    var timerIsActive = false
}

/// A guest's general registers and where it goes on.
@safe struct GuestRegisters {
    private let frame: UnsafeMutablePointer<guest_frame>

    /// SAFETY: the vCPU runs on this pCPU, and no other use of the frame overlaps.
    @unsafe init(_ frame: UnsafeMutablePointer<guest_frame>) { unsafe self.frame = frame }

    /// X0 to X30; 31 reads as zero and ignores writes.
    @inline(__always) subscript(index: Int) -> UInt64 {
        get {
            guard index & 31 != 31 else { return 0 }
            // SAFETY: x has 31 words, at the start of the frame.
            return unsafe UnsafeRawPointer(frame).load(fromByteOffset: (index & 31) * 8, as: UInt64.self)
        }
        nonmutating set {
            guard index & 31 != 31 else { return }
            // SAFETY: as above.
            unsafe UnsafeMutableRawPointer(frame).storeBytes(of: newValue, toByteOffset: (index & 31) * 8, as: UInt64.self)
        }
    }

    @inline(__always) var pc: UInt64 {
        get { unsafe frame.pointee.pc }
        nonmutating set { unsafe frame.pointee.pc = newValue }
    }
    @inline(__always) var pstate: UInt64 {
        get { unsafe frame.pointee.pstate }
        nonmutating set { unsafe frame.pointee.pstate = newValue }
    }
    /// Whether its loads may overtake stores, as it has asked the firmware (SMCCC_ARCH_WORKAROUND_2).
    var bypasses: Bool {
        get { unsafe frame.pointee.bypasses != 0 }
        nonmutating set { unsafe frame.pointee.bypasses = newValue ? 1 : 0 }
    }
    /// To the instruction after the one that trapped.
    @inline(__always) func skipInstruction() { pc = pc &+ 4 }
}
