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

/// dom0 without a `dom0_mem=`, as Xen on ARM: 512 MB.
private let defaultDom0Memory: UInt64 = 512 << 20

/// Builds dom0 from the modules of the boot loader, and lets the CPUs run it.
func buildDom0(
    _ tree: DeviceTree, _ description: borrowing MachineDescription, memory: RangeList<MachineSpace>, image: MachineRange
) {
    guard let kernel = tree.module(.kernel) else {
        panic("no dom0 kernel: expected a node compatible with multiboot,kernel below /chosen")
    }
    let header = readKernelHeader(kernel.region)
    var plan = Dom0TreePlan()
    plan.vcpus = dom0VCPUs(description)
    plan.console = description.uart?.node
    let (domain, format) = makeDomain(description, &plan, image: image)
    takeMemory(memory, domain, &plan)
    let initrd = tree.module(.ramdisk)
    let layout = placeModules(header, initrd, &plan)
    mapMemory(domain, plan)
    assignDevices(tree, Dom0Tree(host: tree, plan: plan), domain, description, format)
    unpackKernel(kernel.region, header, to: layout.kernel)
    if let initrd { frames.copy(from: initrd.region.start, to: layout.initrd, count: initrd.region.size) }
    writeTree(tree, plan, layout)
    start(domain, plan, entry: layout.kernel, tree: layout.tree)
}

private func dom0VCPUs(_ description: borrowing MachineDescription) -> UInt32 {
    let wanted = root.options.value.words.dom0MaximumVCPUs
    let processors = UInt64(root.state.machine.value.onlineCount)
    var count = wanted.map { max($0.lowerBound, min(processors, $0.upperBound)) } ?? processors
    let most = UInt64(description.gic.version == .v3 ? GICVersion.v3.maximumVCPUs : GICVersion.v2.maximumVCPUs)
    if count > most {
        log.warning("dom0 gets \(most) vCPUs, not \(count): the interrupt controller has room for no more")
        count = most
    }
    return UInt32(max(1, count))
}

// MARK: The domain

private func makeDomain(
    _ description: borrowing MachineDescription, _ plan: inout Dom0TreePlan, image: MachineRange
) -> (MetalDomain, Stage2Format) {
    let source = MetalFrames(root.heap.reference)
    let bits = Int(physicalAddressBits())
    let format = Stage2Format(addressBits: min(bits, 48))
    let (controller, timer) = (description.gic, description.timer)
    keepMould(format, bits: UInt64(bits), controller.virtualInterface, frequency: timer.frequency)
    guard let table = PageTable(format: format, frames: source), let info = source.allocate() else {
        panic("no memory for dom0's page tables")
    }
    root.frameTable.value.assign(info, to: .dom0, use: .shared)
    let version: GICVersion = description.gic.version == .v3 ? .v3 : .v2
    let gic = makeController(version, vcpus: plan.vcpus, source)
    let regions = gicRegions(description, vcpus: plan.vcpus)
    plan.gicRegions[0] = regions.distributor
    plan.gicRegions[1] = regions.second
    // Grant frames go where the hypervisor's image is: guest frames that never are RAM of a direct-mapped dom0.
    plan.grantFrames = GuestRange(start: GFN(image.start.rawValue), count: image.count)
    let extra = ARMDomain(
        gic: gic, vttbr: 1 << 48 | table.root.address.rawValue, vmid: .dom0,
        vtcr: translationControl(format, bits: UInt64(bits)),
        distributor: GuestAddress(regions.distributor.start.rawValue), distributorSize: regions.distributor.size,
        redistributors: GuestAddress(version == .v3 ? regions.second.start.rawValue : 0),
        redistributorsSize: version == .v3 ? regions.second.size : 0, timer: root.state.machine.value.virtualTimer)
    guard let slot = FrameSlot<Domain<Metal>>(source) else { panic("no memory for dom0") }
    let domain = Domain<Metal>(
        id: .dom0, isPrivileged: true, isDirectMapped: true, p2m: table, sharedInfo: info, maximumPages: .max,
        vcpuLimit: Int(plan.vcpus), flags: CreateFlag.hvm | CreateFlag.hap,
        events: makeEvents(info, source), grants: makeGrants(source), extra: extra)
    domain.setParameter(.callbackIRQ, eventCallback)
    domain.pagingPool.store(firstPagingPool, ordering: .relaxed)
    let reference = slot.fill(domain)
    return (reference, format)
}

/// What later domains are made with.
private func keepMould(_ format: Stage2Format, bits: UInt64, _ interface: DeviceTree.Region?, frequency: UInt32?) {
    let clock: UInt32 = if let frequency { frequency } else { 0 }
    let mould = DomainMould(
        format: format, vtcr: translationControl(format, bits: bits), cpuInterface: interface?.start.frame,
        clockFrequency: clock)
    root.state.mould.set(mould)
    root.state.domains.set(DomainDirectory())
}

private func makeController(_ version: GICVersion, vcpus: UInt32, _ source: MetalFrames) -> VirtualGIC<MetalFrames> {
    let lines = Int(root.state.machine.value.gic.distributor.lines)
    do throws(VirtualGICError) {
        return try VirtualGIC(version: version, vcpus: Int(vcpus), sharedInterrupts: lines - 32, frames: source)
    } catch {
        panic("no memory for dom0's interrupt controller")
    }
}

private func makeEvents(_ info: MFN, _ source: MetalFrames) -> FrameBox<EventChannels<MetalFrames, MetalVCPU>> {
    do throws(XenError) {
        return try EventChannels.create(
            domain: .dom0, frames: source, layout: .arm, sharedInfo: info.address, lastPort: UInt32.max)
    } catch {
        panic("no memory for dom0's event channels")
    }
}

private func makeGrants(_ source: MetalFrames) -> FrameBox<GrantTable<MetalFrames>> {
    do throws(XenError) {
        // Xen on ARM has version 1 only (GNTTAB_MAX_VERSION).
        return try GrantTable.create(
            domain: .dom0, frames: source, maximumFrames: 64, maximumMaptrackFrames: 1024, maximumVersion: 1,
            NewGrantFrames(.dom0, Metal(pcpu: PCPU(0))))
    } catch {
        panic("no memory for dom0's grant table")
    }
}

/// Which interrupt tells a guest of events: a PPI, level-sensitive and active low (hvm/params.h: HVM_PARAM_CALLBACK_IRQ).
var eventCallback: UInt64 {
    HVMCallback.typePPI << 56 | HVMCallback.ppiFlagLowLevel << 8 | UInt64(ARMDomain.eventInterrupt)
}

/// ID_AA64MMFR0_EL1.PARange in bits.
private func physicalAddressBits() -> UInt64 {
    let bits: InlineArray<6, UInt64> = [32, 36, 40, 42, 44, 48]
    return bits[min(5, Int(read_id_aa64mmfr0_el1() & 0xf))]
}

/// VTCR_EL2: write-back inner-shareable walks, 4 KiB granule, 8-bit VMIDs (ARM DDI 0487, D17.2.157).
private func translationControl(_ format: Stage2Format, bits: UInt64) -> UInt64 {
    let size = min(5, read_id_aa64mmfr0_el1() & 0xf)
    let startLevel: UInt64 = format.rootLevel == 1 ? 1 : 2
    return 1 << 31 | size << 16 | 3 << 12 | 1 << 10 | 1 << 8 | startLevel << 6 | UInt64(64 - format.addressBits)
}

/// Where dom0 sees its interrupt controller: at the host's addresses.
private func gicRegions(
    _ description: borrowing MachineDescription, vcpus: UInt32
) -> (distributor: DeviceTree.Region, second: DeviceTree.Region) {
    let gic = description.gic
    switch gic.version {
    case .v2:
        guard let interface = gic.cpuInterface else { panic("the GICv2 in the device tree has no CPU interface") }
        guard let distributor = DeviceTree.Region(start: gic.distributor.start.rawValue, size: 0x1000),
            let cpu = DeviceTree.Region(start: interface.start.rawValue, size: 0x2000)
        else { panic("the GIC's registers lie at the end of the address space") }
        return (distributor, cpu)
    case .v3:
        guard let start = description.redistributors,
            let distributor = DeviceTree.Region(start: gic.distributor.start.rawValue, size: 0x1_0000),
            let second = DeviceTree.Region(start: start.rawValue, size: UInt64(vcpus) * 0x2_0000)
        else { panic("the GICv3 in the device tree has no redistributors") }
        return (distributor, second)
    }
}

// MARK: Memory

/// Sets dom0's RAM aside, before there is a heap: machine frames are guest frames.
@inline(never) func chooseDom0Memory(_ description: inout MachineDescription) -> RangeList<MachineSpace> {
    var free = description.memory
    for index in 0..<description.reserved.count { free.remove(description.reserved[index].range) }
    // The frame table, page tables, frames that dom0 makes us allocate later, and room to breathe.
    let bytes = free.frames << pageShift
    let own = (16 << 20) + bytes / 64 + bytes / 128
    let available = bytes > own ? bytes - own : 0
    let option = root.options.value.words.dom0Memory
    var wanted = option?.bytes(available: available) ?? defaultDom0Memory
    // `bytes` never says more than there is; a plain size that is more is an error, as in Xen on ARM.
    if let size = option?.size, size.percent == 0, !size.isNegative {
        wanted = max(wanted, min(size.bytes, option?.maximumBytes(available: available) ?? .max))
    }
    guard wanted <= available, let chosen = Dom0Banks.choose(wanted >> pageShift, from: free) else {
        panic("dom0_mem asks for \(wanted >> 20) MB, but only \(available >> 20) MB are available")
    }
    for index in 0..<chosen.count {
        let range = chosen[index].range
        description.reserved.insert(range)
        let (start, end) = (range.start.address.rawValue, range.end.address.rawValue)
        log.info("dom0 bank: 0x\(hex: start) - 0x\(hex: end), \(range.count >> 8) MiB")
    }
    return chosen
}

/// Gives dom0 what was set aside.
private func takeMemory(_ chosen: RangeList<MachineSpace>, _ domain: MetalDomain, _ plan: inout Dom0TreePlan) {
    domain.pointee.maximumPages.store(chosen.frames, ordering: .relaxed)
    domain.pointee.totalPages.store(chosen.frames, ordering: .relaxed)
    for index in 0..<chosen.count {
        let range = chosen[index].range
        for offset in 0..<range.count { root.frameTable.value.assign(range.start + offset, to: .dom0, use: .domain) }
        plan.memory.insert(GuestRange(start: GFN(range.start.rawValue), count: range.count))
    }
}

private func mapMemory(_ domain: MetalDomain, _ plan: Dom0TreePlan) {
    for index in 0..<plan.memory.count {
        let range = plan.memory[index].range
        let mapped = domain.pointee.p2m.withLock {
            $0.map(range, to: MFN(range.start.rawValue), type: .ramReadWrite, cache: SilentCache())
        }
        guard mapped else { panic("no memory for dom0's page tables") }
        domain.pointee.highestGFN.store(range.end.rawValue - 1, ordering: .relaxed)
    }
}

// MARK: Modules

/// Where things go in dom0's memory.
private struct Layout {
    var kernel = MachineAddress(0)
    var tree = MachineAddress(0)
    var initrd = MachineAddress(0)
}

/// Room for dom0's device tree.
private let treeSize: UInt64 = 2 << 20

/// Kernel, tree and initrd, one after the other in the first bank that holds them, each at a multiple of 2 MB.
private func placeModules(
    _ header: LinuxImage, _ initrd: DeviceTree.Module?, _ plan: inout Dom0TreePlan
) -> Layout {
    let block: UInt64 = 2 << 20
    let kernelSize = header.memorySize
    let initrdSize = initrd?.region.size ?? 0
    for index in 0..<plan.memory.count {
        let bank = plan.memory[index].range
        guard let base = alignedUp(bank.start.address.rawValue, to: block),
            let loaded = header.loadAddress(in: base), let afterKernel = alignedUp(loaded + kernelSize, to: block),
            let end = alignedUp(afterKernel + treeSize + initrdSize, to: pageSize), end <= bank.end.address.rawValue
        else { continue }
        let start = afterKernel + treeSize
        if initrd != nil {
            plan.initrd = GuestRange(start: GuestAddress(start).frame, count: (end - start) >> pageShift)
            plan.initrdSize = initrdSize
        }
        return Layout(
            kernel: MachineAddress(loaded), tree: MachineAddress(afterKernel), initrd: MachineAddress(start))
    }
    panic("dom0's memory has no room for kernel (\(kernelSize >> 10) KiB) and initrd (\(initrdSize >> 10) KiB) in one piece")
}

private func writeTree(_ tree: DeviceTree, _ plan: Dom0TreePlan, _ layout: Layout) {
    frames.zero(layout.tree, count: treeSize)
    // SAFETY: dom0's RAM, `treeSize` bytes that nothing else was placed in.
    let span = unsafe MutableSpan<UInt8>(
        _unsafeStart: frames.pointer(to: layout.tree).assumingMemoryBound(to: UInt8.self), count: Int(treeSize))
    do throws(DeviceTreeWriterError) {
        _ = try Dom0Tree(host: tree, plan: plan).write(into: span, arguments: tree.dom0Arguments())
    } catch {
        panic("dom0's device tree does not fit into \(treeSize >> 10) KiB")
    }
    cleanToMemory(layout.tree, bytes: treeSize)
}

// MARK: Processors

private func start(_ domain: MetalDomain, _ plan: Dom0TreePlan, entry: MachineAddress, tree: MachineAddress) {
    let source = MetalFrames(root.heap.reference)
    let units = UnitTable()
    let machine = root.state.machine.reference
    for number in 0..<plan.vcpus {
        let id = VCPUID(number)
        let extra = ARMVCPU(mpidr: 1 << 31 | GICVersion.affinity(of: id))
        guard let slot = FrameSlot<VCPU<Metal>>(source) else { panic("no memory for dom0's vCPU \(number)") }
        let reference = slot.fill(VCPU(id: id, domain: domain, unit: UInt16(number), isUp: number == 0, extra: extra))
        guard (try? domain.pointee.add(reference)) != nil else {
            panic("no memory for dom0's vCPU \(number)")
        }
        let home = PCPU(number % UInt32(max(1, machine.pointee.onlineCount)))
        units.append(reference, home: home)
        _ = root.state.scheduler.add(UnitID(UInt16(number)), on: home)
        if machine.pointee.mapsTimer {
            domain.pointee.extra.gic.map(machine.pointee.virtualTimer, vcpu: id, to: machine.pointee.virtualTimer)
        }
    }
    root.state.units.set(units)
    root.state.dom0.set(domain)
    guard let first = domain.pointee.vcpu(VCPUID(0)) else { return }
    reset(first, entry: entry.rawValue, context: tree.rawValue)
    root.state.dom0IsReady.store(true, ordering: .releasing)
    for number in 1..<max(1, machine.pointee.onlineCount) { sendKick(to: number) }
    kick(first, from: PCPU(0))
}
