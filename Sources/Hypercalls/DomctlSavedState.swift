// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Synchronization
import XenABI

private let descriptorSize = UInt64(MemoryLayout<HVMSaveDescriptor>.size)
private let headerSize = UInt64(MemoryLayout<HVMSaveHeader>.size)

/// The state of an x86 domain's vCPUs as a list of records, by which the toolstack starts a PVH domain.
extension Call {
    /// Xen: XEN_DOMCTL_sethvmcontext. What was restored before a bad record stays.
    func setSavedState(_ target: Ref<Domain<P>>) throws(XenError) {
        guard platform.savedStateProcessor != nil else { throw .enosys }
        let argument = try payload(DomctlHvmcontext.self)
        guard target != domain else { throw .einval }
        var list = RecordList(start: argument.buffer, size: UInt64(argument.size))
        try checkReadable(list)
        target.pointee.pause(platform)
        defer { target.pointee.unpause(platform) }
        guard target.pointee.isAlive else { throw .einval }
        try checkHeader(&list)
        let clock = platform.savedStateClock
        // Only those run whose state is there.
        target.pointee.forEachVCPU { platform.setRunnable($0, false) }
        while let descriptor = try descriptor(list) {
            guard let type = HVMSaveType(rawValue: descriptor.typecode), type != .header else { throw .einval }
            guard let record = SavedRecord(type) else { throw .eopnotsupp }
            guard let vcpu = target.pointee.vcpu(VCPUID(UInt32(descriptor.instance))),
                record.canHave(length: descriptor.length), list.holds(descriptor.length)
            else { throw .einval }
            let address: GuestVirtualAddress = Address(list.start &+ list.place &+ descriptorSize)
            try platform.loadState(record, length: descriptor.length, of: vcpu, from: address, clock: clock)
            list.place += descriptorSize + UInt64(descriptor.length)
        }
    }

    /// The caller learns of a list that cannot be read before anything has been done.
    private func checkReadable(_ list: RecordList) throws(XenError) {
        // Xen copies all of it. No domain's state is that large.
        guard list.size <= 1 << 22 else { throw .enomem }
        guard list.size > 0 else { return }
        for offset in stride(from: 0, to: list.size, by: Int(pageSize)) {
            _ = try platform.guest.read(UInt8.self, at: Address(list.start &+ offset))
        }
        _ = try platform.guest.read(UInt8.self, at: Address(list.start &+ list.size &- 1))
    }

    private func checkHeader(_ list: inout RecordList) throws(XenError) {
        guard list.size >= descriptorSize + headerSize else { throw .enodata }
        let descriptor = try platform.guest.read(HVMSaveDescriptor.self, at: Address(list.start))
        guard descriptor.typecode == HVMSaveType.header.rawValue, UInt64(descriptor.length) == headerSize else {
            throw .enodata
        }
        let header = try platform.guest.read(HVMSaveHeader.self, at: Address(list.start &+ descriptorSize))
        guard header.magic == HVMSaveConstant.magic, header.version == HVMSaveConstant.version else { throw .einval }
        list.place = descriptorSize + headerSize
    }

    /// Nil at the end, which must be there.
    private func descriptor(_ list: RecordList) throws(XenError) -> HVMSaveDescriptor? {
        guard list.size - list.place >= descriptorSize else { throw .enodata }
        let descriptor = try platform.guest.read(HVMSaveDescriptor.self, at: Address(list.start &+ list.place))
        return descriptor.typecode == HVMSaveType.end.rawValue ? nil : descriptor
    }

    // MARK: Saving

    /// Xen: XEN_DOMCTL_gethvmcontext. Without a buffer it says how large one has to be.
    func getSavedState(_ target: Ref<Domain<P>>) throws(XenError) {
        guard let processor = platform.savedStateProcessor else { throw .enosys }
        var argument = try payload(DomctlHvmcontext.self)
        guard target != domain else { throw .einval }
        var size = 2 * descriptorSize + headerSize
        let records = SavedRecord.all
        for index in records.indices {
            size += UInt64(target.pointee.vcpuCount) * (descriptorSize + UInt64(records[index].length))
        }
        guard argument.buffer == 0 || UInt64(argument.size) >= size else { throw .enospc }
        if argument.buffer != 0 { size = try save(target, processor, at: argument.buffer) }
        argument.size = UInt32(truncatingIfNeeded: size)
        try writePayload(argument)
    }

    /// A vCPU that is down has no registers to save (Xen: hvm_save_cpu_ctxt).
    private func isSaved(_ record: SavedRecord, of vcpu: Ref<VCPU<P>>) -> Bool {
        record != .cpu || vcpu.pointee.isUp.load(ordering: .acquiring)
    }

    /// Returns the bytes that were written.
    private func save(_ target: Ref<Domain<P>>, _ processor: UInt32, at start: UInt64) throws(XenError) -> UInt64 {
        target.pointee.pause(platform)
        defer { target.pointee.unpause(platform) }
        var place = start
        var header = HVMSaveHeader()
        header.magic = HVMSaveConstant.magic
        header.version = HVMSaveConstant.version
        header.cpuid = processor
        try putDescriptor(.header, 0, UInt32(headerSize), &place)
        try platform.guest.write(header, at: Address(place))
        place &+= headerSize
        let records = SavedRecord.all
        for index in records.indices {
            let record = records[index]
            for number in 0..<UInt32(target.pointee.vcpuCount) {
                guard let vcpu = target.pointee.vcpu(VCPUID(number)), isSaved(record, of: vcpu) else { continue }
                try putDescriptor(record.type, number, record.length, &place)
                try platform.saveState(record, of: vcpu, to: Address(place))
                place &+= UInt64(record.length)
            }
        }
        try putDescriptor(.end, 0, 0, &place)
        return place &- start
    }

    private func putDescriptor(
        _ type: HVMSaveType, _ instance: UInt32, _ length: UInt32, _ place: inout UInt64
    ) throws(XenError) {
        var descriptor = HVMSaveDescriptor()
        descriptor.typecode = type.rawValue
        descriptor.instance = UInt16(truncatingIfNeeded: instance)
        descriptor.length = length
        try platform.guest.write(descriptor, at: Address(place))
        place &+= descriptorSize
    }

    /// Xen: XEN_DOMCTL_gethvmcontext_partial. One record, without its descriptor.
    func getSavedRecord(_ target: Ref<Domain<P>>) throws(XenError) {
        guard platform.savedStateProcessor != nil else { throw .enosys }
        var argument = try payload(DomctlHvmcontextPartial.self)
        guard target != domain, target.pointee.isAlive, argument.type <= UInt32(HVMSaveType.last),
            let type = HVMSaveType(rawValue: UInt16(truncatingIfNeeded: argument.type)), type != .end, type != .header
        else { throw .einval }
        guard let record = SavedRecord(type) else { throw .eopnotsupp }
        guard let vcpu = target.pointee.vcpu(VCPUID(argument.instance)) else { throw .enoent }
        guard isSaved(record, of: vcpu) else { throw .enodata }
        if argument.buffer != 0 {
            guard argument.bufsz >= UInt64(record.length) else { throw .enospc }
            VCPU.pause(vcpu, platform)
            platform.waitUntilStopped(vcpu)
            defer { VCPU.unpause(vcpu, platform) }
            try platform.saveState(record, of: vcpu, to: Address(argument.buffer))
        }
        argument.bufsz = UInt64(record.length)
        try writePayload(argument)
    }
}

/// Records one after the other, in the caller's memory.
private struct RecordList {
    let start, size: UInt64
    /// Where the next one is, not past `size`.
    var place: UInt64 = 0

    init(start: UInt64, size: UInt64) {
        self.start = start
        self.size = size
    }

    /// Whether a record of `length` bytes ends in the list.
    func holds(_ length: UInt32) -> Bool { size - place >= descriptorSize + UInt64(length) }
}
