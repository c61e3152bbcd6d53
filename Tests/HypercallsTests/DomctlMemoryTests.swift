// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import P2M
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

/// A domain's memory, as its toolstack copies it and says where it lies.
@Suite struct DomctlMemoryTests {
    let host = FakeHost()
    let dom0: FakeDomain
    let guest: FakeDomain
    /// Where the bitmap goes.
    var buffer: GuestVirtualAddress { dom0.scratch + 2 * 4096 }

    init() throws {
        host.isX86 = true
        dom0 = try FakeDomain(0, host: host, privileged: true)
        guest = try FakeDomain(4, host: host)
    }

    func shadow(
        _ operation: ShadowOp, of id: UInt16 = 4, pages: UInt64 = 0x120, by domain: FakeDomain? = nil,
        _ change: (inout DomctlShadowOp) -> Void = { _ in }
    ) -> (Outcome, DomctlShadowOp, pieces: Int) {
        let domain = domain ?? dom0
        var value = DomctlShadowOp()
        value.operation = operation.rawValue
        value.pages = pages
        value.bitmap = buffer.rawValue
        change(&value)
        var argument = DomctlArgument()
        argument.put(value)
        var outcome = domain.domctl(Domctl.shadowOp.rawValue, id, &argument)
        var pieces = 1
        while case .again(let first) = outcome {
            outcome = domain.call(.domctl, first)
            argument = domain.read(at: domain.scratch)
            pieces += 1
        }
        return (outcome, argument.take(), pieces)
    }

    /// The frames that the bitmap names.
    func marked(_ count: UInt64 = 0x120) -> [UInt64] {
        (0..<count).filter { dom0.read(UInt8.self, at: buffer + $0 / 8) >> UInt8($0 % 8) & 1 != 0 }
    }

    /// Shows: XEN_DOMCTL_shadow_op
    @Test func dirtyLog() throws {
        #expect(shadow(.clean).0 == .success && marked() == [], "nothing is logged")
        #expect(shadow(.enableLogDirty).0 == .success)
        #expect(shadow(.enableLogDirty).0 == .error(.einval), "already")
        #expect(shadow(.enable) { $0.mode = DomctlShadowOp.enableLogDirty }.0 == .error(.einval))
        #expect(guest.access(0x103, write: true) == .again)
        guest.write(UInt64(1), at: GuestVirtualAddress(0x111 << 12))
        let peeked = shadow(.peek)
        #expect(peeked.0 == .success && peeked.1.dirtyCount == 2 && marked() == [0x103, 0x111])
        // Where it cannot be written, it stays written.
        for bad in [1 << 39, UInt64.max - 3, 1 << 63] {
            #expect(shadow(.clean) { $0.bitmap = bad }.0 == .error(.efault))
        }
        let cleaned = shadow(.clean)
        #expect(cleaned.0 == .success && cleaned.1.dirtyCount == 2 && marked() == [0x103, 0x111])
        let none = shadow(.clean)
        #expect(none.0 == .success && none.1.dirtyCount == 0 && marked() == [])
        #expect(guest.type(0x103) == .ramLogDirty)
        // A part of the bitmap, to the byte.
        #expect(guest.access(0x10C, write: true) == .again)
        dom0.write(UInt8(0xAA), at: buffer + 0x21)
        dom0.write(UInt8(0xAA), at: buffer + 0x22)
        #expect(shadow(.peek, pages: 0x10D).0 == .success)
        #expect(dom0.read(UInt8.self, at: buffer + 0x21) == 0x10 && dom0.read(UInt8.self, at: buffer + 0x22) == 0xAA)
        #expect(shadow(.peek, pages: 0).0 == .success)
        // Without a bitmap it is only cleaned.
        #expect(shadow(.clean) { $0.bitmap = 0 }.0 == .success)
        #expect(shadow(.peek).0 == .success && marked() == [])
        #expect(shadow(.off).0 == .success && guest.type(0x103) == .ramReadWrite)
        #expect(shadow(.off).0 == .success)
        // Marks that were lost are told.
        #expect(shadow(.enableLogDirty).0 == .success)
        host.machine.failAfter = 0
        #expect(guest.access(0x103, write: true) == .again)
        host.machine.failAfter = nil
        #expect(shadow(.peek).0 == .error(.enomem))
        #expect(shadow(.off).0 == .success)
    }

    /// Shows: XEN_DOMCTL_shadow_op
    @Test func inPieces() {
        for gfn in [0x8000, 0x20000, 0x80000] as [UInt64] { #expect(guest.populate(gfn, order: 9)) }
        let before = host.machine.outstanding
        host.preempts = true
        var value = DomctlShadowOp()
        value.operation = ShadowOp.enableLogDirty.rawValue
        var argument = DomctlArgument()
        argument.put(value)
        #expect(dom0.domctl(Domctl.shadowOp.rawValue, 4, &argument) == .again(first: dom0.scratch.rawValue))
        // Unfinished: another has to wait, but asking for the pool has not.
        #expect(shadow(.peek).0 == .error(.ebusy))
        #expect(shadow(.off).0 == .error(.ebusy))
        #expect(shadow(.getAllocation).0 == .success)
        let rest = shadow(.enableLogDirty)
        #expect(rest.0 == .success && rest.pieces > 3)
        #expect(guest.access(0x20005, write: true) == .again)
        let cleaned = shadow(.clean, pages: 0x21000)
        #expect(cleaned.0 == .success && cleaned.pieces == 0x21 && marked(0x21000) == [0x20005])
        let ended = shadow(.off)
        #expect(ended.0 == .success && ended.pieces > 3 && guest.type(0x80000) == .ramReadWrite)
        #expect(host.machine.outstanding == before, "no table of what was split, no bitmap")
        // A bitmap without an end ends where it cannot be written.
        for pages in [UInt64.max, 1 << 63] { #expect(shadow(.peek, pages: pages).0 == .error(.efault)) }
    }

    /// Shows: XEN_DOMCTL_shadow_op
    @Test func whatIsRefused() throws {
        #expect(shadow(.enableLogDirty, of: 0).0 == .error(.einval), "oneself")
        #expect(shadow(.enableLogDirty, of: 9).0 == .error(.esrch))
        #expect(shadow(.enableLogDirty, of: 0, by: guest).0 == .error(.eperm))
        #expect(shadow(.clean) { $0.mode = 2 }.0 == .error(.einval))
        #expect(shadow(.enable).0 == .error(.einval))
        for operation in [1, 3, 10, UInt32.max] { #expect(shadow(.peek) { $0.operation = operation }.0 == .error(.einval)) }
        #expect(shadow(.setAllocation) { $0.mebibytes = 7 }.0 == .success)
        #expect(shadow(.getAllocation).1.mebibytes == 7)
        host.machine.failAfter = 0
        #expect(shadow(.enableLogDirty).0 == .error(.enomem))
        host.machine.failAfter = nil
        #expect(shadow(.enableLogDirty).0 == .success)
        let empty = try FakeDomain(7, host: host, vcpus: 0)
        #expect(empty.totalPages == 32)
        #expect(shadow(.enableLogDirty, of: 7).0 == .error(.einval), "no vCPU")
        host.isX86 = false
        #expect(shadow(.enableLogDirty).0 == .error(.enosys))
    }

    /// Shows: XEN_DOMCTL_setvnumainfo, XENMEM_get_vnumainfo
    @Test func virtualNodes() {
        let list = buffer
        func set(_ change: (inout DomctlVnuma) -> Void = { _ in }, by domain: FakeDomain? = nil) -> Outcome {
            var argument = DomctlVnuma()
            (argument.nrVnodes, argument.nrVmemranges, argument.nrVcpus) = (2, 2, 2)
            (argument.vdistance, argument.vcpuToVnode) = (list.rawValue, (list + 64).rawValue)
            (argument.vnodeToPnode, argument.vmemrange) = ((list + 128).rawValue, (list + 192).rawValue)
            change(&argument)
            return (domain ?? dom0).domctl(.setVNUMAInfo, 4, &argument)
        }
        for index in 0..<4 as Range<UInt64> { dom0.write(UInt32(20 + index), at: list + index * 4) }
        var range = VMemRange<Caller64>()
        range.end = 1 << 30
        dom0.write(range, at: list + 192)
        dom0.write(range, at: list + 216)
        dom0.write(UInt32(1), at: list + 68)
        let before = host.machine.outstanding
        #expect(set() == .success && host.machine.outstanding == before + 3)
        var told = VNUMATopologyInfo<Caller64>()
        told.domain = ReservedDomain.caller
        (told.nrVnodes, told.nrVCPUs, told.nrVMemRanges) = (2, 2, 2)
        told.vdistance = guest.scratch.rawValue + 512
        told.vcpuToVnode = guest.scratch.rawValue + 600
        told.vmemrange = guest.scratch.rawValue + 700
        #expect(guest.memory(.getVNUMAInfo, &told) == .success)
        #expect(guest.read(UInt32.self, at: guest.scratch + 512 + 12) == 23)
        #expect(guest.read(UInt32.self, at: guest.scratch + 604) == 1)
        let bad: [(XenError, (inout DomctlVnuma) -> Void)] = [
            (.einval, { $0.pad = 1 }), (.einval, { $0.nrVcpus = 3 }), (.einval, { $0.nrVcpus = .max }),
            (.einval, { $0.nrVnodes = 0 }),
            (.einval, { $0.nrVnodes = 33 }), (.einval, { $0.nrVnodes = .max }), (.einval, { $0.nrVmemranges = 171 }),
            (.einval, { $0.nrVmemranges = .max }), (.efault, { $0.vdistance = 1 << 39 }),
            (.efault, { $0.vmemrange = .max - 7 }),
            (.efault, { $0.vcpuToVnode = 1 << 63 }), (.efault, { $0.vnodeToPnode = 1 << 39 }), (.e2big, { $0.nrVnodes = 1 }),
        ]
        for (error, change) in bad { #expect(set(change) == .error(error)) }
        dom0.write(UInt32(64), at: list + 132)
        #expect(set() == .error(.e2big), "no such physical node")
        dom0.write(UInt32(0), at: list + 132)
        range.flags = 1
        dom0.write(range, at: list + 216)
        #expect(set() == .error(.einval))
        #expect(set(by: guest) == .error(.eperm))
        for failing in 0..<3 {
            host.machine.failAfter = failing
            #expect(set() == .error(.enomem))
        }
        host.machine.failAfter = nil
        #expect(host.machine.outstanding == before + 3)
    }
}
