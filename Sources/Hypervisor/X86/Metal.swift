// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import EventChannels
import Machine
import Memory
import P2M
import Sync
import Synchronization
import Timekeeping
import VirtualAPIC
import VirtualPCI
import X86
import X86Machine
import XenABI

/// This machine, as portable code asks it: one pCPU's view, with the vCPU that runs there.
struct Metal: Platform {
    typealias Frames = MetalFrames
    typealias Guest = RunningGuest
    typealias Format = NestedFormat
    typealias Cache = NestedCache
    typealias Log = GuestLog
    typealias DomainExtra = X86Domain
    typealias VCPUExtra = X86VCPU
    typealias ArchConfig = X86DomainConfig

    let pcpu: PCPU
    /// Whose memory `guest` is.
    var vcpu: MetalVCPU?

    var frames: MetalFrames { MetalFrames(root.heap.reference) }
    var guest: RunningGuest { RunningGuest(vcpu: vcpu, pcpu: pcpu) }
    var log: GuestLog { GuestLog() }
    func now() -> SystemTime { systemTime() }
    func cache(of domain: borrowing Domain<Metal>) -> NestedCache { NestedCache(domain: domain.id, pcpu: pcpu) }

    func raiseUpcall(_ vcpu: MetalVCPU) {
        let vector = vcpu.pointee.extra.upcallVector.load(ordering: .relaxed)
        if vector != 0 { vcpu.pointee.extra.apic.post(vector, isLevel: false) }
        kick(vcpu, from: pcpu)
    }
    func wake(_ vcpu: MetalVCPU) { kick(vcpu, from: pcpu) }
    func unmaskUpcalls(_ vcpu: MetalVCPU) {
        guard let info = vcpu.pointee.domain.pointee.events.pointee.vcpuInfo(vcpu.pointee.id) else { return }
        frames.atomic(UInt8.self, at: info + Self.layout.upcallMask).pointee.store(0, ordering: .relaxed)
    }
    /// Interrupts are masked, and the APIC does not say what waits: take them now, between two steps of a long operation.
    var shouldPreempt: Bool {
        x86_take_interrupts()
        return root.state.pc.value.states[pcpu.index].hasNews
    }

    /// Caches are coherent with everything here.
    func maintainCache(_ start: MachineAddress, count: UInt64, clean: Bool, invalidate: Bool) {}

    /// Where guests have the words of their shared_info.
    static var layout: SharedInfoLayout { .x86_64 }
    /// Xen's, whose PV guests leave it that (HYPERVISOR_VIRT_START).
    var virtualStart: UInt64 { 0xffff_8000_0000_0000 }
    var capabilities: StaticString { "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 " }
    var machineFeatures: UInt32 { Feature.hvmCallbackVector.bit | Feature.hvmSafePVClock.bit }
    /// HVM_PARAM_* by their numbers, for some have no names any more.
    private static var toolstackParameters: UInt64 {
        let numbers: InlineArray<18, UInt64> = [3, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 27, 28, 29, 31, 32, 33, 38]
        var bits: UInt64 = 0
        for index in numbers.indices { bits |= 1 << numbers[index] }
        return bits
    }
    /// Xen: arch/x86/hvm/hvm.c, hvm_allow_get_param and hvm_allow_set_param.
    var parameters: ParameterSets {
        let own =
            HVMParam.callbackIRQ.bit | HVMParam.vm86TSS.bit | HVMParam.vm86TSSSized.bit | HVMParam.acpiIOPortsLocation.bit
            | HVMParam.vmGenerationIDAddress.bit | HVMParam.storeEvtchn.bit | HVMParam.consoleEvtchn.bit
            | HVMParam.x87FIPWidth.bit
        return ParameterSets(
            readable: own | HVMParam.storePFN.bit | HVMParam.consolePFN.bit | HVMParam.altp2m.bit, settable: own,
            toolstack: Self.toolstackParameters)
    }
}

// MARK: What x86 has besides

extension Metal {
    var vcpuOperations: UInt64 {
        let operations: InlineArray<12, VCPUOp> = [
            .initialise, .up, .down, .sendNMI, .isUp, .getRunstateInfo, .registerRunstateMemoryArea, .setPeriodicTimer,
            .stopPeriodicTimer,
            .setSingleshotTimer, .stopSingleshotTimer, .registerVCPUInfo,
        ]
        var bits: UInt64 = 0
        for index in operations.indices { bits |= 1 << UInt64(operations[index].rawValue) }
        return bits
    }

    /// Xen: hvm_grant_table_op
    var grantOperations: UInt64 {
        let operations: InlineArray<8, GrantTableOp> = [
            .mapGrantRef, .unmapGrantRef, .setupTable, .copy, .querySize, .setVersion, .getVersion, .swapGrantRef,
        ]
        var bits: UInt64 = 0
        for index in operations.indices { bits |= 1 << UInt64(operations[index].rawValue) }
        return bits
    }

    var handsOnPCI: Bool { true }
    func reserveConfiguration(_ region: PhysdevPCIMMCFGReserved) throws(XenError) {
        guard let known = root.state.pci.value.base(of: region.segment, region.startBus, region.endBus) else {
            throw .enodev
        }
        if known != region.address { throw .eio }
    }
    func addDevice(segment: UInt16, bus: UInt8, devfn: UInt8) throws(XenError) {
        try changeFunctions { (functions, access) throws(PCIError) in
            let function = PCIFunction(segment: segment, bus: bus, devfn: devfn)
            if !root.state.pci.value.isHidden(function) { try functions.add(function, access) }
        }
    }
    func removeDevice(segment: UInt16, bus: UInt8, devfn: UInt8) throws(XenError) {
        try changeFunctions { (functions, access) throws(PCIError) in
            try functions.remove(PCIFunction(segment: segment, bus: bus, devfn: devfn), access)
        }
    }

    private func changeFunctions(
        _ body: (inout VirtualPCI<PCIAccess>, PCIAccess) throws(PCIError) -> Void
    ) throws(XenError) {
        let access = PCIAccess(domain: root.state.dom0.value, pcpu: pcpu, vcpu: vcpu)
        do throws(PCIError) {
            try root.state.pci.value.functions.withLock { (functions) throws(PCIError) in try body(&functions, access) }
        } catch {
            switch error {
            case .noDevice: throw .enodev
            case .noMemory: throw .enomem
            case .unsupported: throw .eopnotsupp
            case .exists: throw .eexist
            case .invalid: throw .einval
            }
        }
    }
    var memoryFeatures: MemoryFeatures { .all }
    func machineMapEntry(_ index: Int) -> E820Entry? { root.state.machineMap.value.entry(index) }
    var hasUpcallVectors: Bool { true }

    /// Every vCPU's home looks at its timers when it is kicked.
    func timersChanged(_ vcpu: MetalVCPU) { requestTimer(of: vcpu, from: pcpu) }

    func vcpuInfoMoved(_ vcpu: MetalVCPU) { publishTime(vcpu) }

    func setUpcallVector(_ vector: UInt8, _ vcpu: MetalVCPU) throws(XenError) {
        vcpu.pointee.extra.upcallVector.store(vector, ordering: .relaxed)
        logGuest(vcpu, "upcall vector \(hex: UInt64(vector))")
        if vcpu.pointee.domain.pointee.events.pointee.isUpcallPending(vcpu.pointee.id) { raiseUpcall(vcpu) }
    }
}

/// Tells the guest how its time stamp counter, which may not be the host's, makes system time.
func publishTime(_ vcpu: MetalVCPU) {
    guard let info = vcpu.pointee.domain.pointee.events.pointee.vcpuInfo(vcpu.pointee.id) else { return }
    var scale = root.state.clock.value.scale
    scale.origin &+= vcpu.pointee.extra.block[VMCBField.tscOffset]
    scale.publish(for: Caller64.self, at: info + Metal.layout.time, in: frames)
}
