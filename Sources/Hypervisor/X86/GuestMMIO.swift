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
import VirtualPCI
import X86
import X86Emulator
import X86Machine
import XenABI

/// A guest physical address that nothing is mapped at: one of the guest's interrupt controllers, a device of dom0's that has not
/// been touched before, or nothing.
func handleFault(_ fault: NestedFault, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: CPULocal) {
    let address = GuestAddress(fault.address)
    if let device = VirtualDevice(address, vcpu) { return emulate(device, address, registers, vcpu, cpu) }
    let metal = Metal(pcpu: cpu.pcpu, vcpu: vcpu)
    switch vcpu.pointee.domain.pointee.resolve(address.frame, write: fault.isWrite, fetch: fault.isFetch, metal) {
    case .again: return
    case .outOfMemory: return crash(vcpu, "no memory for 0x\(hex: fault.address)")
    case .refused: break
    }
    if !fault.isPresent, vcpu.pointee.domain.pointee.isPrivileged {
        var isMapped = false
        switch pciPage(address.frame, vcpu, cpu.pcpu, ifUnknown: { isMapped = mapDevice(address, vcpu, cpu) }) {
        case .configuration, .table: return emulate(.pci, address, registers, vcpu, cpu)
        case .unknown: if isMapped { return }
        case .absent: break
        }
    }
    logGuest(
        vcpu,
        "access to 0x\(hex: fault.address), where nothing is, at \(hex: registers.block[VMCBField.rip], digits: 16)")
    emulate(.nothing, address, registers, vcpu, cpu)
}

/// What answers for a page.
private enum VirtualDevice {
    case localAPIC, ioAPIC, nothing
    /// PCI configuration space, or a device's table of messages.
    case pci

    init?(_ address: GuestAddress, _ vcpu: MetalVCPU) {
        let apic = Ref(apicOf: vcpu)
        if address.frame == vcpu.pointee.domain.pointee.extra.ioAPICFrame {
            self = .ioAPIC
        } else if address.rawValue & ~0xfff == apic.pointee.base & 0x000f_ffff_ffff_f000 {
            // In x2APIC mode, and with the APIC off, there is nothing.
            self = apic.pointee.isX2 || apic.pointee.base >> 11 & 1 == 0 ? .nothing : .localAPIC
        } else {
            return nil
        }
    }

    func read(_ address: GuestAddress, width: Int, _ vcpu: MetalVCPU, _ cpu: CPULocal) -> UInt64 {
        let offset = address.offset
        switch self {
        case .pci: return readPCIPage(address.rawValue, width: width, vcpu, cpu.pcpu)
        case .localAPIC:
            // Registers are 32 bits every 16 bytes.
            let value = Ref(apicOf: vcpu).pointee.read(UInt32(offset & 0xff0), now: systemTime()) ?? 0
            return UInt64(value) >> ((offset & 3) * 8)
        case .ioAPIC: return vcpu.pointee.domain.pointee.extra.ioAPIC.withLock { UInt64($0.read(offset)) }
        case .nothing: return .max
        }
    }

    func write(_ address: GuestAddress, _ value: UInt64, width: Int, _ vcpu: MetalVCPU, _ cpu: CPULocal) {
        let offset = address.offset
        switch self {
        case .pci: writePCIPage(address.rawValue, value, width: width, vcpu, cpu.pcpu)
        case .localAPIC:
            follow(Ref(apicOf: vcpu).pointee.write(UInt32(offset & 0xff0), value, now: systemTime()), vcpu, cpu)
        case .ioAPIC:
            let domain = vcpu.pointee.domain
            let pin = domain.pointee.extra.ioAPIC.withLock { $0.write(offset, UInt32(truncatingIfNeeded: value)) }
            if let pin { followPin(pin, domain, from: cpu.pcpu) }
        case .nothing: return
        }
    }
}

/// Does what the guest's instruction would have done to a device.
private func emulate(
    _ device: VirtualDevice, _ address: GuestAddress, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: CPULocal
) {
    let (bytes, count) = fetchInstruction(vcpu, cpu.pcpu)
    var processor = FaultingProcessor(device: device, page: address.frame, registers: registers, vcpu: vcpu, cpu: cpu)
    run(bytes, count, &processor, "emulated")
}

/// INS or OUTS with a port that nobody owns.
func emulateStringPort(_ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: CPULocal) {
    let (bytes, count) = fetchInstruction(vcpu, cpu.pcpu)
    var processor = FaultingProcessor(device: .nothing, page: .invalid, registers: registers, vcpu: vcpu, cpu: cpu)
    run(bytes, count, &processor, "emulated at a port")
}

/// What the guest does to a control or debug register. False where its instruction is another.
func emulateSystemRegister(_ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: CPULocal) -> Bool {
    let (bytes, count) = fetchInstruction(vcpu, cpu.pcpu)
    var processor = FaultingProcessor(device: .nothing, page: .invalid, registers: registers, vcpu: vcpu, cpu: cpu)
    guard writesSystemRegister(bytes.span.extracting(..<count), processor.code) else { return false }
    processor.writesSystemRegisters = true
    run(bytes, count, &processor, "emulated at a register")
    return true
}

private func run(
    _ bytes: InlineArray<16, UInt8>, _ count: Int, _ processor: inout FaultingProcessor, _ purpose: StaticString
) {
    let (vcpu, block) = (processor.vcpu, processor.registers.block)
    do throws(EmulationStop) {
        // A guest that single-steps is stopped after every element of a string; any other after some, to let interrupts in: an element
        // is 3,000 instructions.
        let (start, isStepped) = (block[VMCBField.rip], block[VMCBField.rflags] >> 8 & 1 != 0)
        try X86Emulator.emulate(bytes.span.extracting(..<count), on: &processor, repetitions: isStepped ? 1 : 16)
        if isStepped, block[VMCBField.rip] == start { block.goOn(at: start) }
    } catch {
        if case .exception(let vector) = error {
            // #SS and #GP have error codes; here they are 0.
            return block.inject(.exception(vector, error: vector == 12 || vector == 13 ? 0 : nil))
        }
        if let fault = processor.fault {
            block[VMCBField.cr2] = fault.address
            return block.inject(.exception(14, error: fault.code))
        }
        // Where there are no bytes it was not an instruction that was wrong.
        if count == 0 { return block.inject(.generalProtection) }
        logGuest(
            vcpu, "instruction at \(hex: block[VMCBField.rip], digits: 16) cannot be \(purpose): \(dump(bytes, count))")
        block.inject(.invalidOpcode)
    }
}

/// The guest's processor at an instruction that has touched a page where only a device answers. What else the instruction
/// touches is RAM, or nothing.
private struct FaultingProcessor: EmulatedProcessor {
    let device: VirtualDevice
    let page: GFN
    let registers: GuestRegisters
    let vcpu: MetalVCPU
    let cpu: CPULocal
    /// What the guest is to be told, where its own tables refuse an access.
    var fault: (address: UInt64, code: UInt32)?
    /// The guest has left for that, and not for a fault.
    var writesSystemRegisters = false

    init(device: VirtualDevice, page: GFN, registers: GuestRegisters, vcpu: MetalVCPU, cpu: CPULocal) {
        (self.device, self.page, self.registers, self.vcpu, self.cpu) = (device, page, registers, vcpu, cpu)
    }

    private var block: ControlBlock { registers.block }

    var code: CodeWidth {
        let attributes = block.codeAttributes
        return block.isLongMode && attributes & SegmentAttributes.isLong != 0
            ? .bits64 : attributes & SegmentAttributes.isWide != 0 ? .bits32 : .bits16
    }
    var stackWidth: Int { code == .bits64 ? 8 : block.stackAttributes & SegmentAttributes.isWide != 0 ? 4 : 2 }

    subscript(register: Int) -> UInt64 {
        get { registers[register] }
        nonmutating set { registers[register] = newValue }
    }
    var flags: UInt64 {
        get { block[VMCBField.rflags] }
        nonmutating set { block[VMCBField.rflags] = newValue }
    }
    var instructionPointer: UInt64 {
        get { block[VMCBField.rip] }
        nonmutating set {
            block.goOn(at: newValue)
        }
    }
    func descriptor(of segment: Segment) -> SegmentDescriptor {
        let field = VMCBField.es + UInt64(segment.rawValue) * 16
        return SegmentDescriptor(base: block[field + 8], limit: block.load(field + 4), attributes: block.load(field + 2))
    }
    /// Protected mode, but not virtual 8086 mode.
    var checksSegments: Bool { block[VMCBField.cr0] & 1 != 0 && flags >> 17 & 1 == 0 }

    mutating func probe(_ address: UInt64) throws(EmulationStop) { _ = try translate(address, write: true) }

    func vector(_ number: Int) throws(EmulationStop) -> VectorRegister {
        try checkVectors()
        return vectorRegister(number, of: vcpu)
    }
    func setVector(_ number: Int, _ value: VectorRegister) throws(EmulationStop) {
        try checkVectors()
        setVectorRegister(number, of: vcpu, to: value)
    }
    /// SSE is not there, or the guest wants to be told of its use (AMD APM 2, 11.3).
    private func checkVectors() throws(EmulationStop) {
        let (cr0, cr4) = (block[VMCBField.cr0], block[VMCBField.cr4])
        guard cr0 >> 2 & 1 == 0, cr4 >> 9 & 1 != 0 else { throw .invalidOpcode }
        guard cr0 >> 3 & 1 == 0 else { throw .deviceNotAvailable }
    }

    var portRights: PortRights {
        let task = SegmentDescriptor(
            base: block[VMCBField.tr + 8], limit: block.load(VMCBField.tr + 4), attributes: block.load(VMCBField.tr + 2))
        return PortRights(isProtected: block[VMCBField.cr0] & 1 != 0, level: block.load(VMCBField.cpl), task: task)
    }
    mutating func loadFromTask(_ address: UInt64) throws(EmulationStop) -> UInt8 {
        let guest = RunningGuest(vcpu: vcpu, pcpu: cpu.pcpu)
        let address = block.isLongMode ? address : address & 0xffff_ffff
        guard let physical = guest.physicalForProcessor(address) else {
            fault = (address, 0)
            throw .memory
        }
        return try ram(at: GuestAddress(physical), write: false) { frames.load(UInt8.self, at: $0) } ?? 0xff
    }

    func input(_ port: UInt16, width: Int) -> UInt64 {
        let access = PortAccess(port: port, width: width, isRead: true)
        return truncated(accessPort(access, 0, vcpu, cpu.pcpu).map { UInt64($0) } ?? .max, width)
    }
    func output(_ port: UInt16, _ value: UInt64, width: Int) {
        let access = PortAccess(port: port, width: width, isRead: false)
        _ = accessPort(access, UInt32(truncatingIfNeeded: value), vcpu, cpu.pcpu)
    }

    func write(_ register: SystemRegister, _ value: UInt64) throws(EmulationStop) {
        guard writesSystemRegisters else { throw .unknown }
        try writeSystemRegister(register, value, vcpu)
    }

    mutating func load(_ address: UInt64, width: Int) throws(EmulationStop) -> UInt64 {
        // Within a page a device gets the access in one piece.
        if let place = try devicePlace(address, width, write: false) {
            return truncated(device.read(place, width: width, vcpu, cpu), width)
        }
        var value: UInt64 = 0
        for index in 0..<UInt64(width) {
            let byte = try ram(address &+ index, write: false) { frames.load(UInt8.self, at: $0) }
            value |= UInt64(byte ?? 0xff) << (index * 8)
        }
        return value
    }

    mutating func store(_ value: UInt64, at address: UInt64, width: Int) throws(EmulationStop) {
        if let place = try devicePlace(address, width, write: true) {
            return device.write(place, value, width: width, vcpu, cpu)
        }
        // The end first, so that nothing is written where something is refused.
        _ = try translate(address &+ UInt64(width - 1), write: true)
        for index in 0..<UInt64(width) {
            _ = try ram(address &+ index, write: true) {
                frames.store(UInt8(truncatingIfNeeded: value >> (index * 8)), at: $0)
            }
        }
    }

    private func truncated(_ value: UInt64, _ width: Int) -> UInt64 {
        width == 8 ? value : value & (1 << UInt64(width * 8) - 1)
    }

    /// Where in the device's page an access lies; nil where it is not in it.
    private mutating func devicePlace(
        _ address: UInt64, _ width: Int, write: Bool
    ) throws(EmulationStop) -> GuestAddress? {
        let physical = GuestAddress(try translate(address, write: write))
        guard physical.frame == page, physical.offset <= pageSize - UInt64(width) else { return nil }
        return physical
    }

    /// Runs `body` with RAM behind a linear address. Nil where there is something else, which reads as ones.
    private mutating func ram<R>(
        _ address: UInt64, write: Bool, _ body: (MachineAddress) -> R
    ) throws(EmulationStop) -> R? {
        try ram(at: GuestAddress(try translate(address, write: write)), write: write, body)
    }

    private func ram<R>(
        at physical: GuestAddress, write: Bool, _ body: (MachineAddress) -> R
    ) throws(EmulationStop) -> R? {
        let guest = RunningGuest(vcpu: vcpu, pcpu: cpu.pcpu)
        let domain = vcpu.pointee.domain
        if let result = guest.withPlace(physical, of: domain, write: write, body) { return result }
        guard domain.pointee.resolve(physical.frame, write: write, Metal(pcpu: cpu.pcpu, vcpu: vcpu)) == .again else {
            return nil
        }
        return guest.withPlace(physical, of: domain, write: write, body)
    }

    private mutating func translate(_ address: UInt64, write: Bool) throws(EmulationStop) -> UInt64 {
        let guest = RunningGuest(vcpu: vcpu, pcpu: cpu.pcpu)
        guest.beginCopy()
        defer { guest.endCopy() }
        if let physical = guest.physical(address, write: write) { return physical }
        let isUser: UInt32 = block.paging.level == 3 ? 4 : 0
        let isPresent: UInt32 = guest.physical(address, write: false) != nil ? 1 : 0
        fault = (address, isPresent | (write ? 2 : 0) | isUser)
        throw .memory
    }
}

private func dump(_ bytes: InlineArray<16, UInt8>, _ count: Int) -> LogLine {
    var line = LogLine()
    for index in 0..<count { line = "\(line) \(hex: UInt64(bytes[index]), digits: 2)" }
    return line
}

/// The hardware domain owns what is neither RAM nor the hypervisor's: mapped one to one when it is first touched.
private func mapDevice(_ address: GuestAddress, _ vcpu: MetalVCPU, _ cpu: CPULocal) -> Bool {
    let domain = vcpu.pointee.domain
    let frame = MFN(address.frame.rawValue)
    guard address.rawValue >> UInt64(root.state.pc.value.features.addressBits) == 0,
        root.frameTable.value.index(of: frame) == nil, !root.state.pc.value.isHidden(frame)
    else { return false }
    do throws(XenError) {
        try domain.pointee.map(address.frame, to: frame, type: .deviceDirect, Metal(pcpu: cpu.pcpu))
        return true
    } catch {
        return false
    }
}
