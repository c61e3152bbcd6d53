// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import DomainBuilder
import Domains
import Drivers
import EventChannels
import Firmware
import GrantTables
import Machine
import Memory
import P2M
import Scheduler
import Sync
import Synchronization
import Timekeeping
import VirtualAPIC
import X86
import X86Machine
import XenABI

/// Builds dom0 from the loader's modules. False where there is none to build.
@inline(never)
func buildDom0(_ description: inout Description, online: Int) -> Bool {
    let memory = root.state.dom0Memory.withLock { $0 }
    guard memory.count > 0 else { return false }
    log.notice("*** Building a PVH Dom0 ***")
    keepMachineMap(description)
    let vcpus = dom0VCPUs(online: online)
    let domain = makeDomain(description, memory, vcpus: vcpus)
    mapMemory(domain, description, memory)
    startRemapping(domain)
    startPCI(domain)
    // ACPI's tables are at the end, so that RAM is in one piece (Xen: pvh_setup_acpi).
    var free = memory
    let tables = takeTablesFrame(&free)
    let layout = loadModules(description, free)
    let info = writeStart(&description, memory, layout, tables: tables, vcpus: vcpus)
    tellMemoryMap(domain, info)
    start(domain, vcpus: vcpus, online: online, entry: layout.kernel.entry, info: info)
    return true
}

private func dom0VCPUs(online: Int) -> UInt32 {
    let wanted = root.options.value.words.dom0MaximumVCPUs
    let count = wanted.map { max($0.lowerBound, min(UInt64(online), $0.upperBound)) } ?? UInt64(online)
    return UInt32(max(1, min(count, UInt64(Domain<Metal>.maximumVCPUs))))
}

// MARK: The domain

/// Only dom0's tables are an IOMMU's too.
func nestedFormat(isDom0: Bool) -> NestedFormat {
    let servesAMD = isDom0 && root.state.remapping.isSet && root.state.remapping.value.kind == .amd
    return NestedFormat(hasHugePages: root.state.pc.value.features.hasHugePages, servesAMD: servesAMD)
}

private func makeDomain(
    _ description: borrowing Description, _ memory: RangeList<MachineSpace>, vcpus: UInt32
) -> MetalDomain {
    let source = MetalFrames(root.heap.reference)
    guard
        let table = PageTable(format: nestedFormat(isDom0: true), frames: source),
        let info = source.allocate(), let portMap = source.allocate(order: 2, node: nil),
        let msrMap = source.allocate(order: 1, node: nil), let slot = FrameSlot<Domain<Metal>>(source)
    else { panic("no memory for dom0") }
    root.frameTable.value.assign(info, to: .dom0, use: .shared)
    fillPortMap(at: portMap.address)
    fillMSRMap(at: msrMap.address)
    keepMould(msrMap: msrMap.address)
    let extra = X86Domain(
        ioAPIC: SpinLock(VirtualIOAPIC(id: description.tables.ioAPICID), rank: .timer),
        ioAPICFrame: GuestAddress(UInt64(description.ioAPICs[0])).frame, nested: table.view,
        portMap: portMap.address, msrMap: msrMap.address)
    let domain = Domain<Metal>(
        id: .dom0, isPrivileged: true, isDirectMapped: !canRemapDMA(), p2m: table, sharedInfo: info,
        maximumPages: maximumPages(memory.frames), vcpuLimit: Int(vcpus),
        events: makeEvents(info, source), grants: makeGrants(source), extra: extra)
    domain.totalPages.store(memory.frames, ordering: .relaxed)
    domain.pagingPool.store(X86Memory.pagingPool(frames: memory.frames, vcpus: vcpus), ordering: .relaxed)
    return slot.fill(domain)
}

/// What dom0 may balloon up to: as much as it likes, unless `dom0_mem=max:` says otherwise (Xen: dom0_compute_nr_pages).
private func maximumPages(_ frames: UInt64) -> UInt64 {
    guard let maximum = root.options.value.words.dom0Memory?.maximum else { return UInt64(UInt32.max) }
    let free = (root.heap.value.freeFrames + frames) << pageShift
    return min(max(frames, maximum.resolve(available: free) >> pageShift), UInt64(UInt32.max))
}

private func makeEvents(_ info: MFN, _ source: MetalFrames) -> FrameBox<EventChannels<MetalFrames, MetalVCPU>> {
    do throws(XenError) {
        return try EventChannels.create(
            domain: .dom0, frames: source, layout: .x86_64, sharedInfo: info.address, lastPort: UInt32.max)
    } catch {
        panic("no memory for dom0's event channels")
    }
}

private func makeGrants(_ source: MetalFrames) -> FrameBox<GrantTable<MetalFrames>> {
    do throws(XenError) {
        return try GrantTable.create(
            domain: .dom0, frames: source, maximumFrames: 64, maximumMaptrackFrames: 1024, maximumVersion: 2,
            NewGrantFrames(.dom0, Metal(pcpu: PCPU(0))))
    } catch {
        panic("no memory for dom0's grant table")
    }
}

private func mapMemory(
    _ domain: MetalDomain, _ description: borrowing Description, _ memory: RangeList<MachineSpace>
) {
    for index in 0..<memory.count {
        let range = memory[index].range
        for offset in 0..<range.count { root.frameTable.value.assign(range.start + offset, to: .dom0, use: .domain) }
        map(domain, range, .ramReadWrite)
        domain.pointee.highestGFN.store(range.end.rawValue - 1, ordering: .relaxed)
    }
    // Firmware's part of the lowest 1 MiB is mapped from the start, so that nothing else comes there (Xen: pvh_populate_p2m).
    for number in UInt64(0)..<0x100 where root.frameTable.value.index(of: MFN(number)) == nil {
        map(domain, MachineRange(start: MFN(number), count: 1), .deviceDirect)
    }
    // Other memory of ACPI's, and all other devices, are mapped when they are touched.
    for index in 0..<description.mapCount {
        let entry = description.map[index]
        guard entry.kind == .acpiReclaimable || entry.kind == .acpiNonVolatile else { continue }
        map(domain, covering(entry.start, entry.size), .deviceCached)
    }
    for index in 0..<description.firmwareMemoryCount {
        let range = covering(description.firmwareMemory[index].start, description.firmwareMemory[index].size)
        if root.frameTable.value.index(of: range.start) == nil { map(domain, range, .deviceCached) }
    }
}

private func map(_ domain: MetalDomain, _ range: MachineRange, _ type: P2MType) {
    let guests = GuestRange(start: GFN(range.start.rawValue), count: range.count)
    guard domain.pointee.p2m.withLock({ $0.map(guests, to: range.start, type: type, cache: SilentCache()) }) else {
        panic("no memory for dom0's page tables")
    }
}

// MARK: Modules

private struct Layout {
    let kernel: LoadPlan
    var initrd = MachineAddress(0)
    var initrdSize: UInt64 = 0
    /// What the kernel is told: two frames.
    var info = MachineAddress(0)
}

/// Kernel, initrd, then what they are told. The modules lie in dom0's own memory, so they are moved out of the way first.
private func loadModules(_ description: borrowing Description, _ memory: RangeList<MachineSpace>) -> Layout {
    let (scratch, size) = unpackKernel(description.modules[0])
    let initrd = description.moduleCount > 1 ? description.modules[1] : Description.Module()
    let copy = Scratch(bytes: initrd.size, "dom0's initrd")
    frames.copy(from: initrd.start, to: copy.frame.address, count: initrd.size)
    let initrdPages = covering(0, initrd.size).count << pageShift
    var layout = Layout(kernel: loadKernel(scratch, size: size, into: memory, beside: initrdPages + 2 * pageSize))
    scratch.release()
    layout.initrd = MachineAddress(layout.kernel.beside)
    layout.initrdSize = initrd.size
    layout.info = layout.initrd + initrdPages
    frames.copy(from: copy.frame.address, to: layout.initrd, count: initrd.size)
    copy.release()
    return layout
}

/// Start info, list of modules, memory map, command line and ACPI's tables. Returns the first's address.
private func writeStart(
    _ description: inout Description, _ memory: RangeList<MachineSpace>, _ layout: Layout, tables: MFN, vcpus: UInt32
) -> MachineAddress {
    let info = layout.info
    let words = info + pageSize
    frames.zero(info, count: 2 * pageSize)
    frames.zero(tables.address, count: pageSize)
    for index in 0..<description.kernelWordCount {
        frames.store(description.kernelWords[index], at: words + UInt64(index))
    }
    description.tables.vcpus = vcpus
    description.tables.apicIDStep = CPUIDPolicy.apicID(ofVCPU: 1)
    // SAFETY: dom0's RAM, one frame that nothing else was placed in.
    var bytes = unsafe MutableSpan<UInt8>(
        _unsafeStart: frames.pointer(to: tables.address).assumingMemoryBound(to: UInt8.self), count: Int(pageSize))
    guard description.tables.write(into: &bytes, at: tables.address.rawValue) else {
        panic("dom0's ACPI tables do not fit into a page")
    }
    var start = PVH.StartInfo()
    start.magic = PVH.magic
    start.version = 1
    // Xen: SIF_PRIVILEGED | SIF_INITDOMAIN
    start.flags = 3
    if layout.initrdSize > 0 {
        var module = PVH.Module()
        module.address = layout.initrd.rawValue
        module.size = layout.initrdSize
        frames.store(module, at: info + 64)
        start.nrModules = 1
        start.moduleList = info.rawValue + 64
    }
    start.commandLine = words.rawValue
    start.rsdp = tables.address.rawValue
    start.memoryMap = info.rawValue + 128
    start.memoryMapEntries = writeMemoryMap(description, memory, tables: tables, at: info + 128)
    frames.store(start, at: info)
    return info
}

/// The time of day, as the machine's clock shows it, for dom0 to read.
private func startWallclock() {
    guard let seconds = RealTimeClock(PortBus(0x70)).seconds() else {
        return log.warning("the real-time clock cannot be read")
    }
    Metal(pcpu: PCPU(0)).setWallclock(seconds: seconds, nanoseconds: 0, at: systemTime().nanoseconds)
}

// MARK: Processors

private func start(_ domain: MetalDomain, vcpus: UInt32, online: Int, entry: UInt32, info: MachineAddress) {
    let source = MetalFrames(root.heap.reference)
    let units = UnitTable()
    for number in 0..<vcpus {
        guard let frames = VCPUFrames(), let slot = FrameSlot<VCPU<Metal>>(source) else {
            panic("no memory for dom0's vCPU \(number)")
        }
        let extra = X86VCPU(frames, apicID: CPUIDPolicy.apicID(ofVCPU: number))
        fill(extra.block, for: domain.pointee.extra)
        let reference = slot.fill(
            VCPU(id: VCPUID(number), domain: domain, unit: UInt16(number), isUp: number == 0, extra: extra))
        guard (try? domain.pointee.add(reference)) != nil else {
            panic("no memory for dom0's vCPU \(number)")
        }
        let home = PCPU(number % UInt32(online))
        units.append(reference, home: home)
        _ = root.state.scheduler.add(UnitID(UInt16(number)), on: home)
    }
    root.state.units.set(units)
    root.state.domains.set(DomainDirectory())
    root.state.dom0.set(domain)
    startWallclock()
    guard let first = domain.pointee.vcpu(VCPUID(0)) else { return }
    for number in 0..<vcpus { if let vcpu = domain.pointee.vcpu(VCPUID(number)) { publishTime(vcpu) } }
    startConsoleInput()
    relinquishScreen()
    resetToPVH(first, entry: entry, startInfo: info.rawValue)
    root.state.dom0IsReady.store(true, ordering: .releasing)
    for number in 1..<UInt32(max(1, online)) { sendKick(to: PCPU(number)) }
    kick(first, from: PCPU(0))
}
