// SPDX-License-Identifier: Apache-2.0

import ArchCommon
import ArchX86
import Base
import Containers
import Domains
import Machine
import Memory
import P2M
import Sync
import Synchronization
import X86
import X86Machine
import XenABI

/// The memory of the guest whose registers this CPU holds.
struct RunningGuest: GuestMemory {
    let vcpu: MetalVCPU?
    let pcpu: PCPU

    func beginCopy() {
        root.state.copying[pcpu.index].open()
        x86_fence()
    }
    func endCopy() { root.state.copying[pcpu.index].close() }

    var frames: Frames { Frames() }

    /// Walks the guest's tables and ours.
    func translate(_ address: GuestVirtualAddress, write: Bool) -> MachineAddress? {
        guard let vcpu else { return nil }
        return physical(address.rawValue, write: write).flatMap {
            place(GuestAddress($0), of: vcpu.pointee.domain, write: write)
        }
    }

    /// The guest physical address behind a linear one, by the guest's tables. Nil where they refuse the access.
    func physical(_ address: UInt64, write: Bool) -> UInt64? {
        guard let vcpu else { return nil }
        return vcpu.pointee.extra.block.paging.translate(address, write ? .write : .read) {
            word($0, of: vcpu.pointee.domain)
        }
    }

    /// The same as the processor itself reads descriptors and tasks, whatever the code may.
    func physicalForProcessor(_ address: UInt64) -> UInt64? {
        guard let vcpu else { return nil }
        beginCopy()
        defer { endCopy() }
        let block = vcpu.pointee.extra.block
        let paging = GuestPaging(
            cr0: block[VMCBField.cr0], cr3: block[VMCBField.cr3], cr4: block[VMCBField.cr4], efer: block[VMCBField.efer],
            level: 0)
        return paging.translate(address, .read) { word($0, of: vcpu.pointee.domain) }
    }

    /// Where a guest physical address is in RAM; nil where it is not, or in another's by a grant. In a copy window.
    func place(_ address: GuestAddress, of domain: MetalDomain, write: Bool) -> MachineAddress? {
        let entry = domain.pointee.extra.nested.lookup(address.frame)
        switch entry.type {
        case .ramReadWrite, .foreign: break
        case .ramReadOnly, .ramLogDirty, .foreignReadOnly: if write { return nil }
        default: return nil
        }
        guard root.frameTable.value.index(of: entry.frame) != nil else { return nil }
        return entry.frame.address + address.offset
    }

    /// Runs `body` with that, in a copy window.
    func withPlace<R>(
        _ address: GuestAddress, of domain: MetalDomain, write: Bool, _ body: (MachineAddress) -> R
    ) -> R? {
        beginCopy()
        defer { endCopy() }
        return place(address, of: domain, write: write).map(body)
    }

    /// What the guest's own tables lie in has been touched by the guest.
    @inline(never) func makeAccessible(_ address: GuestVirtualAddress, write: Bool) -> Bool {
        guard let vcpu else { return false }
        beginCopy()
        let physical = physical(address.rawValue, write: write)
        endCopy()
        guard let physical else { return false }
        let frame = GuestAddress(physical).frame
        return vcpu.pointee.domain.pointee.resolve(frame, write: write, Metal(pcpu: pcpu, vcpu: vcpu)) == .again
    }

    private func word(_ address: UInt64, of domain: MetalDomain) -> UInt64? {
        guard let place = place(GuestAddress(address), of: domain, write: false) else { return nil }
        return frames.load(UInt64.self, at: MachineAddress(place.rawValue & ~7))
    }
}

/// The length of `instruction`, at which the guest is; nil where another stands there.
@inline(__always)
func length(of instruction: InterceptedInstruction, _ vcpu: MetalVCPU, _ pcpu: PCPU) -> Int? {
    let block = vcpu.pointee.extra.block
    let address = block[VMCBField.rip]
    // SAFETY: this pCPU runs the vCPU.
    let known = unsafe vcpu.pointee.extra.codePage.address.pointee
    if known.page == address & ~(pageSize - 1), known.root == block[VMCBField.cr3], address & (pageSize - 1) <= pageSize - 8,
        block.isIn64BitCode,
        let length = instruction.length(frames.load(UInt64.self, at: known.frame + address & (pageSize - 1)))
    {
        return length
    }
    return lengthBySearch(of: instruction, vcpu, pcpu)
}

@inline(never)
private func lengthBySearch(of instruction: InterceptedInstruction, _ vcpu: MetalVCPU, _ pcpu: PCPU) -> Int? {
    let block = vcpu.pointee.extra.block
    let (bytes, count) = fetchInstruction(vcpu, pcpu)
    let guest = RunningGuest(vcpu: vcpu, pcpu: pcpu)
    guest.beginCopy()
    defer { guest.endCopy() }
    let page = block[VMCBField.rip] & ~(pageSize - 1)
    if block.isIn64BitCode, let frame = guest.translate(GuestVirtualAddress(page), write: false) {
        // SAFETY: this pCPU runs the vCPU.
        unsafe vcpu.pointee.extra.codePage.address.pointee = CodePage(root: block[VMCBField.cr3], page: page, frame: frame)
    }
    return instruction.length(bytes.span.extracting(..<count))
}

/// Up to fifteen bytes of the instruction that the guest is at; fewer where the next page is not to be had.
func fetchInstruction(_ vcpu: MetalVCPU, _ pcpu: PCPU) -> (bytes: InlineArray<16, UInt8>, count: Int) {
    var bytes = InlineArray<16, UInt8>(repeating: 0)
    let block = vcpu.pointee.extra.block
    let start =
        block[VMCBField.rip]
        &+ (block.isIn64BitCode ? 0 : block[VMCBField.cs + 8])
    let guest = RunningGuest(vcpu: vcpu, pcpu: pcpu)
    guest.beginCopy()
    defer { guest.endCopy() }
    var count = 0
    while count < 15, let place = guest.translate(GuestVirtualAddress(start &+ UInt64(count)), write: false) {
        let part = min(15 - count, Int(pageSize - place.offset))
        for index in 0..<part { bytes[count + index] = frames.load(UInt8.self, at: place + UInt64(index)) }
        count += part
    }
    return (bytes, count)
}

/// One domain's nested translations in every CPU's TLB.
struct NestedCache: TranslationCache {
    let domain: DomainID
    let pcpu: PCPU

    /// Processors' walks see stores in order.
    func entriesWritten() {
        if domain == .dom0, root.state.remapping.isSet { root.state.remapping.value.entriesWritten() }
    }

    /// Every vCPU drops its own before it runs on; one that is inside is fetched out first.
    func invalidate(_ frames: GuestRange) {
        // Nobody runs a domain that is not to be found yet, or no more.
        guard root.state.domains.isSet, let target = Metal(pcpu: pcpu).domain(domain) else { return }
        if domain == .dom0, root.state.remapping.isSet { root.state.remapping.value.flush() }
        for number in 0..<UInt32(target.pointee.vcpuCount) {
            guard let vcpu = target.pointee.vcpu(VCPUID(number)) else { continue }
            vcpu.pointee.extra.mustFlush.store(true, ordering: .sequentiallyConsistent)
        }
        for number in 0..<UInt32(target.pointee.vcpuCount) {
            guard let vcpu = target.pointee.vcpu(VCPUID(number)) else { continue }
            expel(vcpu)
        }
        // A hypercall on another pCPU may have looked up what was there before.
        for number in 0..<root.state.pc.value.onlineCount where number != pcpu.index {
            root.state.copying[number].waitUntilClosed()
        }
    }

    /// All of them are dropped at once anyway.
    func invalidate(each frames: borrowing Span<GFN>) {
        if frames.count > 0 { invalidate(GuestRange(start: frames[0], count: 1)) }
    }

    private func expel(_ vcpu: MetalVCPU) {
        guard vcpu.pointee.extra.isInside.load(ordering: .sequentiallyConsistent) else { return }
        kick(vcpu, from: pcpu)
        while vcpu.pointee.extra.isInside.load(ordering: .acquiring),
            vcpu.pointee.extra.mustFlush.load(ordering: .acquiring)
        { cpu_relax() }
    }
}
