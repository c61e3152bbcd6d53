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
import X86
import X86Machine

/// What this ISA keeps of a domain.
struct X86Domain: ~Copyable {
    let ioAPIC: SpinLock<VirtualIOAPIC>
    /// Where the guest sees its I/O APIC; `GFN.invalid` where it has none.
    let ioAPICFrame: GFN
    /// Its nested page tables, for whoever has a copy window open.
    let nested: PageTableView<NestedFormat, MetalFrames>
    var nestedRoot: MachineAddress { nested.root.address }
    /// Maps of the ports (12 KiB) and model-specific registers (8 KiB) that are intercepted.
    let portMap: MachineAddress
    let msrMap: MachineAddress
}

/// What this ISA keeps of a vCPU. The cells are the pCPU's that runs it.
struct X86VCPU: ~Copyable {
    let registers = Cell(guest_registers())
    /// What the world switch does around it, and its SPEC_CTRL.
    let switchGuard = Cell(switch_guard())
    let block: ControlBlock
    let apic: VirtualLocalAPIC
    /// Its vector registers while another vCPU has the processor's.
    let vectors: MachineAddress
    /// DR0 to DR3 likewise.
    let breakpoints = Cell(InlineArray<4, UInt64>(repeating: 0))
    private let frames: VCPUFrames
    let extendedControl = Atomic<UInt64>(1)
    let memoryTypes = FixedArray<28, Atomic<UInt64>> { _ in Atomic(0) }
    /// 0, or 1 + the pCPU on which it runs: where a kick has to go.
    let place = Atomic<UInt32>(0)
    /// 0, or 1 + the pCPU that has its vector registers, whether it runs there or not.
    let holder = Atomic<UInt32>(0)
    /// 0, or 1 + the pCPU that it goes to as soon as the one on which it runs asks the scheduler.
    let destination = Atomic<UInt32>(0)
    /// In the guest, or about to be: its translations may be in use.
    let isInside = Atomic<Bool>(false)
    /// Where it was when it last made us look at its code.
    let codePage = Cell(CodePage())
    /// Its translations are to be dropped before it runs on.
    let mustFlush = Atomic<Bool>(true)
    /// Its registers are ready to run.
    let isRunnable = Atomic<Bool>(false)
    /// System time at which a poll ends whatever happens; `.max` for never.
    let deadline = Atomic<UInt64>(.max)
    /// 0: never set up; 1: somebody sets it up; 2: it has been.
    let setUp = Atomic<UInt8>(0)
    /// The vector by which this vCPU hears of events; 0: the domain's callback.
    let upcallVector = Atomic<UInt8>(0)
    /// What another vCPU's INIT and startup messages want of it.
    let startup = Atomic<UInt32>(0)
    let hasNMI = Atomic<Bool>(false)
    /// dom0's: halted with interrupts masked, where only INIT and an NMI reach it.
    let isParked = Atomic<Bool>(false)

    init(_ frames: consuming VCPUFrames, apicID: UInt32) {
        block = ControlBlock(address: frames.block.address)
        vectors = frames.vectors.address
        self.frames = frames
        apic = VirtualLocalAPIC(id: apicID)
    }
}

/// The frames of a vCPU's control block and of its vector registers, which are freed with this.
struct VCPUFrames: ~Copyable {
    let block, vectors: MFN

    /// Nil where there are none.
    init?() {
        let source = MetalFrames(root.heap.reference)
        guard let block = source.allocate() else { return nil }
        guard let vectors = source.allocate() else {
            source.free(block)
            return nil
        }
        (self.block, self.vectors) = (block, vectors)
    }

    deinit {
        let source = MetalFrames(root.heap.reference)
        source.free(block)
        source.free(vectors)
    }
}

/// A page of a guest's 64-bit code, as its tables and ours last translated it. Used for nothing but to tell the length of an
/// instruction that the processor has just taken from there, and only where the bytes are that instruction: tables that the
/// guest has changed meanwhile mislead it alone. Given up when the vCPU drops its translations. Should the frame go to somebody
/// else just now, its bytes are compared with an opcode and not told to anybody.
struct CodePage: BitwiseCopyable {
    /// CR3, and the page's linear address; odd where nothing is known.
    var root: UInt64 = 0
    var page: UInt64 = 1
    var frame = MachineAddress(0)
}

/// Bits of `X86VCPU.startup`.
enum Startup {
    static var isInit: UInt32 { 1 << 8 }
    /// Bits 0-7 are the page.
    static var isStart: UInt32 { 1 << 9 }
    /// VCPUOP_down; and while it stops for that; and VCPUOP_up in just that moment.
    static var isDown: UInt32 { 1 << 10 }
    static var isStopping: UInt32 { 1 << 11 }
    static var isAgain: UInt32 { 1 << 12 }
}

/// A guest's virtual machine control block, in a frame of its own.
struct ControlBlock: BitwiseCopyable {
    let address: MachineAddress

    @inline(__always) func load<Value: BitwiseCopyable>(_ field: UInt64, as type: Value.Type = Value.self) -> Value {
        frames.load(Value.self, at: address + field)
    }
    @inline(__always) func store<Value: BitwiseCopyable>(_ value: Value, _ field: UInt64) {
        frames.store(value, at: address + field)
    }

    @inline(__always) subscript(field: UInt64) -> UInt64 {
        get { load(field) }
        nonmutating set { store(newValue, field) }
    }

    /// To the instruction that follows `length` bytes on. An interrupt shadow ends with the instruction.
    @inline(__always) func skip(_ length: UInt64) {
        goOn(at: self[VMCBField.rip] &+ length)
    }

    /// An instruction has been carried out for the guest, which goes on at `address`. Where it single-steps the processor would
    /// have trapped behind it: DR6 says that it is for that.
    @inline(__always) func goOn(at address: UInt64) {
        self[VMCBField.rip] = address
        self[VMCBField.interruptShadow] = 0
        if self[VMCBField.rflags] >> 8 & 1 != 0 { trap() }
    }

    @inline(never) private func trap() {
        self[VMCBField.dr6] |= 1 << 14
        inject(.exception(1))
    }

    @inline(__always) func inject(_ event: InjectedEvent) { self[VMCBField.eventInjection] = event.rawValue }

    /// What says in which mode the guest's processor is.
    var control: ControlState {
        ControlState(
            cr0: self[VMCBField.cr0], cr3: self[VMCBField.cr3], cr4: self[VMCBField.cr4],
            efer: self[VMCBField.efer] & ~EFER.virtualisation, code: codeAttributes)
    }

    /// How the guest's own addresses translate now.
    var paging: GuestPaging {
        GuestPaging(
            cr0: self[VMCBField.cr0], cr3: self[VMCBField.cr3], cr4: self[VMCBField.cr4], efer: self[VMCBField.efer],
            level: load(VMCBField.cpl))
    }

    @inline(__always) var isIn64BitCode: Bool { isLongMode && codeAttributes & SegmentAttributes.isLong != 0 }
    var isLongMode: Bool { self[VMCBField.efer] >> 10 & 1 != 0 }
    var codeAttributes: UInt16 { load(VMCBField.cs + 2) }
    var stackAttributes: UInt16 { load(VMCBField.ss + 2) }

    func setSegment(_ field: UInt64, selector: UInt16, attributes: UInt16, limit: UInt32, base: UInt64) {
        store(selector, field)
        store(attributes, field + 2)
        store(limit, field + 4)
        store(base, field + 8)
    }
}

/// A guest's general registers by their numbers in instructions.
@safe struct GuestRegisters {
    private let registers: UnsafeMutablePointer<guest_registers>
    let block: ControlBlock

    /// SAFETY: the vCPU runs on this pCPU, or on none, and no other use of its registers overlaps.
    @unsafe init(_ vcpu: MetalVCPU) {
        unsafe registers = vcpu.pointee.extra.registers.address
        block = vcpu.pointee.extra.block
    }

    /// Where a register is in struct guest_registers; RAX and RSP are in the control block.
    private static func word(_ number: Int) -> Int {
        let places: InlineArray<16, Int8> = [-1, 1, 2, 0, -1, 5, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13]
        return Int(places[number & 15])
    }

    /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8-R15.
    subscript(number: Int) -> UInt64 {
        get {
            if number == 0 { return block[VMCBField.rax] }
            if number == 4 { return block[VMCBField.rsp] }
            // SAFETY: the structure has fourteen words.
            return unsafe UnsafeRawPointer(registers).load(fromByteOffset: Self.word(number) * 8, as: UInt64.self)
        }
        nonmutating set {
            if number == 0 { return block[VMCBField.rax] = newValue }
            if number == 4 { return block[VMCBField.rsp] = newValue }
            // SAFETY: as above.
            unsafe UnsafeMutableRawPointer(registers)
                .storeBytes(of: newValue, toByteOffset: Self.word(number) * 8, as: UInt64.self)
        }
    }

    @inline(__always) var rax: UInt64 {
        get { block[VMCBField.rax] }
        nonmutating set { block[VMCBField.rax] = newValue }
    }
    @inline(__always) var rcx: UInt64 {
        get { unsafe registers.pointee.rcx }
        nonmutating set { unsafe registers.pointee.rcx = newValue }
    }
    @inline(__always) var rdx: UInt64 {
        get { unsafe registers.pointee.rdx }
        nonmutating set { unsafe registers.pointee.rdx = newValue }
    }
    @inline(__always) var rbx: UInt64 {
        get { unsafe registers.pointee.rbx }
        nonmutating set { unsafe registers.pointee.rbx = newValue }
    }

    /// EDX:EAX, as RDMSR and WRMSR use them.
    var pair: UInt64 {
        get { rdx << 32 | rax & 0xffff_ffff }
        nonmutating set {
            rax = newValue & 0xffff_ffff
            rdx = newValue >> 32
        }
    }
}
