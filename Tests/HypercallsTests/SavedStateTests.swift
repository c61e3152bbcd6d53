// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

/// The list of records that an x86 domain's state is saved as.
@Suite struct SavedStateTests {
    let host = FakeHost()
    let dom0: FakeDomain
    let guest: FakeDomain
    var buffer: GuestVirtualAddress { dom0.scratch + 2 * 4096 }
    static let cpu = UInt32(MemoryLayout<HVMSavedCPU>.stride)
    static let types = UInt32(MemoryLayout<HVMSavedMTRR>.stride)

    init() throws {
        host.isX86 = true
        dom0 = try FakeDomain(0, host: host, privileged: true)
        guest = try FakeDomain(4, host: host)
    }

    /// A list with these records after a good header, and its bytes.
    func write(_ records: [(type: UInt16, instance: UInt16, length: UInt32)], magic: UInt32 = 0x5438_1286) -> UInt32 {
        var header = HVMSaveHeader()
        (header.magic, header.version) = (magic, 1)
        var place = buffer
        func put(_ type: UInt16, _ instance: UInt16, _ length: UInt32) {
            var descriptor = HVMSaveDescriptor()
            (descriptor.typecode, descriptor.instance, descriptor.length) = (type, instance, length)
            dom0.write(descriptor, at: place)
            place = place + 8
        }
        put(1, 0, 24)
        dom0.write(header, at: place)
        place = place + 24
        for record in records {
            put(record.type, record.instance, record.length)
            dom0.write(UInt64(record.type) * 100, at: place)
            place = place + UInt64(record.length)
        }
        return UInt32(clamping: place.rawValue - buffer.rawValue)
    }

    func set(_ size: UInt32, of id: UInt16 = 4, at address: GuestVirtualAddress? = nil) -> Outcome {
        var argument = DomctlHvmcontext()
        (argument.size, argument.buffer) = (size, (address ?? buffer).rawValue)
        return dom0.domctl(.setHVMContext, id, &argument)
    }

    /// Shows: XEN_DOMCTL_sethvmcontext
    @Test func restores() throws {
        let size = write([(2, 0, Self.cpu), (14, 0, Self.types), (2, 0, 1016), (0, 0, 0)])
        #expect(set(size) == .success)
        #expect(
            host.loaded == [
                "cpu of 0: \(Self.cpu) bytes, 200, at 1000", "memoryTypes of 0: \(Self.types) bytes, 1400, at 1000",
                "cpu of 0: 1016 bytes, 200, at 1000",
            ])
        let vcpu = guest.vcpus[0]
        #expect(vcpu.pointee.isUp.load(ordering: .relaxed) == true)
        #expect(set(write([(14, 0, Self.types), (0, 0, 0)])) == .success)
        #expect(vcpu.pointee.isUp.load(ordering: .relaxed) == false, "whose registers were not there")
    }

    @Test func refusals() {
        let good = write([(0, 0, 0)])
        #expect(set(good) == .success)
        for size in 0..<32 as Range<UInt32> { #expect(set(size) == .error(.enodata), "half a header") }
        for size in 32..<40 as Range<UInt32> { #expect(set(size) == .error(.enodata), "no end") }
        #expect(set(write([(0, 0, 0)], magic: 1)) == .error(.einval))
        for record in [
            (21, 0, 8), (1, 0, 24), (2, 9, Self.cpu), (2, 0, Self.cpu + 8), (2, 0, 8), (2, 0, .max), (14, 0, Self.types - 8),
        ] as [(UInt16, UInt16, UInt32)] {
            let size = write([record])
            #expect(set(min(size, 0x1000)) == .error(.einval), "\(record)")
        }
        #expect(set(write([(2, 0, Self.cpu)]) - 1) == .error(.einval), "cut short")
        #expect(set(write([(5, 0, 24)])) == .error(.eopnotsupp), "a local APIC's")
        #expect(set(good, of: 0) == .error(.einval) && set(good, of: 9) == .error(.esrch))
        #expect(set(good, at: GuestVirtualAddress(1 << 39)) == .error(.efault))
        #expect(set(.max) == .error(.enomem))
        host.isX86 = false
        #expect(set(good) == .error(.enosys))
    }

    func get(_ size: UInt32, of id: UInt16 = 4, at address: UInt64) -> (Outcome, size: UInt32) {
        var argument = DomctlHvmcontext()
        (argument.size, argument.buffer) = (size, address)
        let outcome = dom0.domctl(.getHVMContext, id, &argument)
        return (outcome, argument.size)
    }

    /// Shows: XEN_DOMCTL_gethvmcontext
    @Test func saves() throws {
        #expect(guest.vcpus.count == 2)
        for vcpu in guest.vcpus { vcpu.pointee.isUp.store(true, ordering: .relaxed) }
        let all = 32 + 2 * (8 + Self.cpu + 8 + Self.types) + 8
        #expect(get(0, at: 0) == (.success, all))
        #expect(get(all - 1, at: buffer.rawValue).0 == .error(.enospc))
        #expect(get(all, at: 1 << 39).0 == .error(.efault))
        #expect(get(all, of: 0, at: buffer.rawValue).0 == .error(.einval))
        let vcpu = guest.vcpus[0]
        vcpu.pointee.isUp.store(false, ordering: .relaxed)
        #expect(get(all, at: buffer.rawValue) == (.success, all - 8 - Self.cpu), "a vCPU that is down has no registers")
        vcpu.pointee.isUp.store(true, ordering: .relaxed)
        #expect(get(all, at: buffer.rawValue) == (.success, all))
        #expect(dom0.read(HVMSaveHeader.self, at: buffer + 8).cpuid == 0x800f12)
        #expect(set(all) == .success && host.loaded.count == 4, "what was saved can be restored")
    }

    /// Shows: XEN_DOMCTL_gethvmcontext_partial
    @Test func savesOne() throws {
        func get(_ type: UInt32, _ instance: UInt32, _ size: UInt64) -> (Outcome, UInt64) {
            var argument = DomctlHvmcontextPartial()
            (argument.type, argument.instance, argument.bufsz, argument.buffer) = (type, instance, size, buffer.rawValue)
            let outcome = dom0.domctl(.getHVMContextPartial, 4, &argument)
            return (outcome, argument.bufsz)
        }
        let vcpu = guest.vcpus[0]
        vcpu.pointee.isUp.store(true, ordering: .relaxed)
        #expect(get(2, 0, 4096) == (.success, UInt64(Self.cpu)))
        #expect(get(14, 0, UInt64(Self.types) - 1).0 == .error(.enospc))
        #expect(get(2, 9, 4096).0 == .error(.enoent) && get(5, 0, 4096).0 == .error(.eopnotsupp))
        for type in [0, 1, 21, 0x1_0002, .max] as [UInt32] { #expect(get(type, 0, 4096).0 == .error(.einval)) }
        vcpu.pointee.isUp.store(false, ordering: .relaxed)
        #expect(get(2, 0, 4096).0 == .error(.enodata))
    }
}

/// Registers that no guest can have.
@Suite struct SavedCPUTests {
    func check(_ change: (inout HVMSavedCPU) -> Void) -> Bool {
        var saved = HVMSavedCPU()
        saved.registers.cr0 = 0x11
        change(&saved)
        do throws(XenError) {
            try saved.check(ControlLimits(cr4: 0x20, features: 0xd01, addressBits: 40))
            return true
        } catch {
            return error != .einval
        }
    }

    @Test func control() {
        #expect(check { _ in })
        #expect(
            check {
                $0.registers.cr0 = 0x8000_0011; $0.registers.cr4 = 0x20; $0.registers.msrEfer = 0x500
            })
        #expect(
            check {
                $0.registers.cr3 = 1 << 40 - 1; $0.flags = 1; $0.msrTscAux = 1 << 32 - 1
            })
        for cr0 in [0x51, 1 << 32 | 0x11, 1, 1 << 31 | 0x10] as [UInt64] {
            #expect(!check { $0.registers.cr0 = cr0 }, "CR0 \(cr0)")
        }
        for features in [2, 0x1000, 0x500, 0x400] as [UInt64] {
            #expect(!check { $0.registers.msrEfer = features }, "EFER \(features)")
        }
        #expect(!check { $0.registers.cr4 = 1 } && !check { $0.registers.cr3 = 1 << 40 })
        #expect(!check { $0.pad0 = 1 } && !check { $0.flags = 2 } && !check { $0.msrTscAux = 1 << 32 })
    }

    @Test func events() {
        func isGood(_ event: UInt32, _ error: UInt32 = 0) -> Bool {
            var saved = HVMSavedCPU()
            (saved.pendingEvent, saved.errorCode) = (event, error)
            return saved.hasGoodEvent
        }
        #expect(isGood(0x7ff, .max), "none")
        for type in [0, 2, 3, 4] as [UInt32] { #expect(isGood(1 << 31 | type << 8 | 14)) }
        for type in [1, 5, 6, 7] as [UInt32] { #expect(!isGood(1 << 31 | type << 8 | 14)) }
        #expect(isGood(1 << 31 | 0xb0e, 0xffff) && !isGood(1 << 31 | 0xb0e, 0x1_0000) && !isGood(1 << 31 | 1 << 12))
    }

    @Test func older() {
        var old = HVMSavedCPUCompat()
        (old.registers.rip, old.tsc, old.pendingEvent, old.errorCode) = (1, 2, 3, 4)
        let saved = HVMSavedCPU(old)
        #expect(saved.registers.rip == 1 && saved.tsc == 2 && saved.pendingEvent == 3 && saved.errorCode == 4)
        #expect(saved.msrTscAux == 0 && saved.flags == 0)
        #expect(SavedRecord.cpu.canHave(length: UInt32(MemoryLayout<HVMSavedCPUCompat>.stride)))
        #expect(!SavedRecord.memoryTypes.canHave(length: 1016))
    }
}
