// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Boot
import Containers
import Firmware
import Machine
import Memory
import Sync
import Synchronization
import X86
import X86Machine

/// Swift's first function on the boot CPU: long mode, interrupts masked, the boot CPU's own stack.
///
/// - Parameters:
///   - loader: one of BOOT_*.
///   - information: machine address of what the loader left for us, below 4 GiB.
///   - image: machine address of the image's first byte.
@c(xen_start_x86) func start(loader: UInt64, information: UInt64, image: UInt64) -> Never {
    Root.initialise()
    fillGates()
    startExceptions(0)
    let image = MachineRange(start: MachineAddress(image).frame, count: (boot_image_end() - boot_image_start()) >> pageShift)
    // SAFETY: boot/x86_64/entry.S mapped the lower 4 GiB; who reads goes where the firmware's own pointers lead.
    let memory = unsafe Span<UInt8>(
        _unsafeStart: UnsafePointer(bitPattern: DirectMap.base).unsafelyUnwrapped, count: Int(DirectMap.bootSize))
    do throws(BootInformationError) {
        boot(try readInformation(loader, at: information, in: memory), memory, image: image)
    } catch {
        startEmergencyConsole()
        panic("what the boot loader left at 0x\(hex: information) cannot be used: \(explain(error))")
    }
}

/// What `cpuid=` takes away, each time that it is there.
private func hideFeatures(_ line: CommandLine, _ features: inout CPUFeatureSet) {
    var words = line.words()
    while let word = words.next() {
        if word.key.equals("cpuid"), word.isNegated || !features.hide(word.value) {
            log.warning("parameter \"cpuid\" has invalid value")
        }
    }
}

@_lifetime(copy memory)
private func readInformation(
    _ loader: UInt64, at address: UInt64, in memory: Span<UInt8>
) throws(BootInformationError) -> BootInformation {
    switch Int32(truncatingIfNeeded: loader) {
    case BOOT_MULTIBOOT1: try BootInformation(multiboot1: address, in: memory)
    case BOOT_MULTIBOOT2: try BootInformation(multiboot2: address, in: memory)
    default: try BootInformation(pvh: address, in: memory)
    }
}

private func explain(_ error: BootInformationError) -> LogLine {
    switch error {
    case .unreadable(let part, let address, let size):
        "\(name(part)) of \(size) bytes at 0x\(hex: address) lies outside of memory"
    case .badMagic(let magic, let expected):
        "its magic number is 0x\(hex: UInt64(magic)), expected 0x\(hex: UInt64(expected))"
    case .malformedTag(let offset): "the tag at offset \(offset) has an impossible size"
    case .noMemoryMap: "there is no memory map"
    }
}

private func name(_ part: BootInformationError.Part) -> StaticString {
    switch part {
    case .information: "the information"
    case .modules: "the list of modules"
    case .memoryMap: "the memory map"
    }
}

private func boot(_ information: BootInformation, _ memory: Span<UInt8>, image: MachineRange) -> Never {
    let words = CommandLine(information.hypervisorWords)
    root.options.set(Options(words, isX86: true))
    startConsole(words)
    printBanner()
    log.notice("Bootloader: \(information.loaderName.isEmpty ? .literal("unknown") : information.loaderName)")
    log.notice("Command line: \(words.bytes)")
    root.state.allowedFeatures.withLock { hideFeatures(words, &$0) }
    let features = ProcessorFeatures(CPUID())
    describe(features)
    // Once in x2APIC mode there is no way back to the other.
    let useX2APIC = LocalAPICMode.isX2 || features.hasX2APIC && root.options.value.words.usesX2APIC
    root.state.description.withLock {
        readFirmware(&$0, information, memory, features, useX2APIC: useX2APIC)
    }
    run(features, useX2APIC: useX2APIC, image: image)
}

private func describe(_ features: ProcessorFeatures) {
    var vendor = LogLine()
    for index in 0..<12 { vendor.append(byte: features.vendor.letter(index)) }
    log.notice(
        "CPU Vendor: \(vendor), Family \(features.family), Model \(features.model), Stepping \(features.stepping) (raw \(hex: UInt64(features.signature), digits: 8))"
    )
}

@inline(never)
private func readFirmware(
    _ description: inout Description, _ information: BootInformation, _ memory: Span<UInt8>, _ features: ProcessorFeatures,
    useX2APIC: Bool
) {
    log.info("RAM map:")
    description.readMemory(information, limit: min(1 << UInt64(features.addressBits), DirectMap.size))
    description.readModules(information)
    description.processors[0].apicID = features.apicID
    let pointer = information.rootPointer.isEmpty ? ACPI.findRootPointer(in: memory) : information.rootPointer
    if let acpi = ACPI(rootPointer: pointer, in: memory) {
        description.readTables(acpi, boot: features.apicID, maximumID: useX2APIC ? .max - 1 : 254)
    } else {
        log.warning("no ACPI tables: one CPU, one node")
    }
    description.nodeCount = max(description.nodeCount, 1)
}

/// Stages with large values are functions that are not inlined: their stack is free again for the next one.
/// From here on nothing of the firmware's is read.
private func run(_ features: ProcessorFeatures, useX2APIC: Bool, image: MachineRange) -> Never {
    let page = root.state.description.withLock { takeLowPage(&$0) }
    let first = root.state.description.withLock {
        makeAddressSpace(&$0, image: image, format: HostFormat(hasHugePages: features.hasHugePages))
    }
    let image = first.image
    let startTable = first.startTable
    root.state.description.withLock {
        $0.canVirtualise = features.hasSVM && features.hasNestedPaging
        setAsideDom0Memory(&$0, image: image)
        let last = $0.memory[$0.memory.count - 1].range.end.rawValue - 1
        root.maximumFrame.set(MFN(last))
    }
    root.state.description.withLock { startHeap(memory: $0.memory, reserved: $0.reserved, nodes: $0.nodeCount) }
    var space = HostAddressSpace(continuing: first.space, frames: MetalFrames(root.heap.reference))
    startScreen(&space)
    root.state.description.withLock { startPC($0, features, useX2APIC: useX2APIC, &space) }
    setUpCPU(PCPU(0))
    root.state.description.withLock { startSecondaries($0, page: page, &space, startTable: startTable, image: image) }
    reportTicks()
    root.state.description.withLock { findPCI($0, &space) }
    let hasDom0 = root.state.description.withLock { buildDom0(&$0, online: root.state.pc.value.onlineCount) }
    if hasDom0 { runCPU(PCPU(0)) }
    log.notice("Idle")
    idle(PCPU(0))
}

/// What guests are told of their processor. Once there is a clock, and before anybody asks which registers it moves.
@inline(never)
private func makePolicy() {
    let allowed = root.state.allowedFeatures.withLock { $0 }
    let kilohertz = root.state.clock.value.frequency / 1000
    root.state.policy.set(
        CPUIDPolicy(
            tscKilohertz: UInt32(truncatingIfNeeded: kilohertz), host: CPUID(), allowed: allowed,
            hasControl: root.state.speculation.value.offersControl, hints: root.state.speculationFacts.value.hints))
}

@inline(never)
private func startPC(
    _ description: borrowing Description, _ features: ProcessorFeatures, useX2APIC: Bool,
    _ space: inout HostAddressSpace<MetalFrames>
) {
    if let register = ResetRegister(description.fixed, &space) { root.state.reset.set(register) }
    startClock(description, features, &space)
    planSpeculation()
    makePolicy()
    let table = MachineAddress(x86_read_cr3())
    root.state.pc.set(PC(description, features: features, useX2APIC: useX2APIC, table: table, &space))
    root.state.pc.value.states[0].isOnline.store(true, ordering: .releasing)
    if root.options.value.words.usesIOMMU { findRemappers(description, &space) }
}

@inline(never)
private func findPCI(_ description: borrowing Description, _ space: inout HostAddressSpace<MetalFrames>) {
    guard description.canVirtualise else { return }
    guard let pci = HostPCI(description, online: root.state.pc.value.onlineCount, &space) else {
        panic("no memory for PCI functions")
    }
    root.state.pci.set(pci)
}

/// A page below 640 KiB for the trampoline. All the rest below 1 MiB stays out of use: firmware and option ROMs are not
/// trusted to keep their hands off it.
private func takeLowPage(_ description: inout Description) -> MFN? {
    var low = description.memory
    for index in 0..<description.reserved.count { low.remove(description.reserved[index].range) }
    low.remove(MachineRange(start: MFN(0), count: 1))
    low.remove(MachineRange(start: MFN(0xa0), count: UInt64.max >> pageShift - 0xa0))
    description.reserved.insert(MachineRange(start: MFN(0), count: 0x100))
    return low.take(1)?.start
}
