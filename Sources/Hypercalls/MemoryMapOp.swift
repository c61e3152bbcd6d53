// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import XenABI

/// What memory there is, where the ISA has maps of it.
extension Call {
    private func require(_ feature: MemoryFeatures, _ start: UInt64) throws(XenError) {
        // No operation of these is continued: with progress it is another, which there is not.
        guard platform.memoryFeatures.contains(feature), start == 0 else { throw .enosys }
    }

    /// Xen: XENMEM_set_memory_map
    func setMemoryMap(_ start: UInt64) throws(XenError) -> Outcome {
        try require(.memoryMaps, start)
        let argument = try platform.guest.read(ForeignMemoryMap<Caller>.self, at: handle(1))
        let count = argument.map.nrEntries
        guard count <= E820Entry.limit else { throw .einval }
        let target = try target(argument.domain)
        guard let map = GuestMemoryMap(count: Int(count), platform.frames) else { throw .enomem }
        do throws(XenError) {
            for index in 0..<Int(count) {
                let address = GuestVirtualAddress(argument.map.buffer.wide &+ UInt64(index * E820Entry.size))
                map.set(index, try platform.guest.read(E820Entry.self, at: address), platform.frames)
            }
        } catch {
            map.destroy(platform.frames)
            throw error
        }
        target.pointee.setMemoryMap(map, platform)
        return .success
    }

    /// Xen: XENMEM_memory_map. As many entries as there is room for; ENOSYS where nobody has given the domain a map.
    func memoryMap(_ start: UInt64) throws(XenError) -> Outcome {
        try require(.memoryMaps, start)
        var argument = try platform.guest.read(MemoryMap<Caller>.self, at: handle(1))
        let count = domain.pointee.memoryMap.withLock { $0.count }
        guard count > 0 else { throw .enosys }
        argument.nrEntries = min(argument.nrEntries, UInt32(truncatingIfNeeded: count))
        for index in 0..<argument.nrEntries {
            // A map that is replaced meanwhile may be shorter.
            let entry = domain.pointee.memoryMap.withLock { $0.entry(Int(index), platform.frames) }
            guard let entry else {
                argument.nrEntries = index
                break
            }
            try put(entry, index, argument.buffer)
        }
        try platform.guest.write(argument, at: handle(1))
        return .success
    }

    /// Xen: XENMEM_machine_memory_map. Without a buffer it says how many entries there are; with one, which must have room for
    /// one more, all of them. Xen tells PV domains alone; here dom0 is told, too.
    func machineMemoryMap(_ start: UInt64) throws(XenError) -> Outcome {
        try require(.memoryMaps, start)
        guard domain.pointee.isPrivileged else { throw .enosys }
        var argument = try platform.guest.read(MemoryMap<Caller>.self, at: handle(1))
        var count: UInt32 = 0
        while platform.machineMapEntry(Int(count)) != nil { count += 1 }
        if argument.buffer.wide != 0 {
            guard argument.nrEntries > count else { throw .einval }
            for index in 0..<count {
                guard let entry = platform.machineMapEntry(Int(index)) else { break }
                try put(entry, index, argument.buffer)
            }
        }
        argument.nrEntries = count
        try platform.guest.write(argument, at: handle(1))
        return .success
    }

    private func put(_ entry: E820Entry, _ index: UInt32, _ buffer: Caller.Word) throws(XenError) {
        try platform.guest.write(entry, at: Address(buffer.wide &+ UInt64(index) * UInt64(E820Entry.size)))
    }

    // MARK: From machine to guest frames

    /// Xen: XENMEM_machphys_mapping. Where a PV guest would find the table; 32-bit ones there are none.
    func machphysMapping(_ start: UInt64) throws(XenError) -> Outcome {
        try require(.machineToPhysical, start)
        guard Caller.wordBits == 64 else { throw .eopnotsupp }
        var mapping = MachphysMapping<Caller>()
        mapping.virtualStart = Caller.Word(lowBits: MachphysMapping<Caller>.start)
        mapping.virtualEnd = Caller.Word(lowBits: MachphysMapping<Caller>.end)
        let entries = (MachphysMapping<Caller>.end - MachphysMapping<Caller>.start) / 8
        let last = domain.pointee.isPrivileged ? platform.maximumFrame.rawValue : entries - 1
        mapping.maxMFN = Caller.Word(lowBits: last)
        try platform.guest.write(mapping, at: handle(1))
        return .success
    }

    /// Xen: XENMEM_machphys_mfn_list
    ///
    /// Differs: XENMEM_machphys_mfn_list: there is no such table, so no frame of it is listed; Xen lists those of its own, which
    ///   only the saving of PV guests reads.
    func machphysFrames(_ start: UInt64) throws(XenError) -> Outcome {
        try require(.machineToPhysical, start)
        guard Caller.wordBits == 64 else { throw .eopnotsupp }
        var argument = try platform.guest.read(MachphysMFNList<Caller>.self, at: handle(1))
        argument.nrExtents = 0
        try platform.guest.write(argument, at: handle(1))
        return .success
    }

    /// Xen: XENMEM_machphys_compat_mfn_list, where 32-bit PV guests are turned off.
    func machphysCompatFrames(_ start: UInt64) throws(XenError) -> Outcome {
        try require(.machineToPhysical, start)
        throw .eopnotsupp
    }
}
