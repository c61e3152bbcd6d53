// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Memory
import Support
import Testing
import XenABI

/// A guest whose pages lie here and there.
private final class Guest: GuestMemory, @unchecked Sendable {
    let machine = FakeMachine(frames: 16)
    /// Frame of each page; nil where nothing is. Page 3 may not be written.
    var pages: [MFN?]
    /// Pages that are not there before somebody has asked for them so many times.
    var waiting: [UInt64: Int] = [:]
    var depth = 0
    var copies = 0

    init() {
        let source = machine.source
        pages = (0..<4).map { _ in source.allocate() }
        pages.swapAt(0, 2)
        pages.append(nil)
    }

    var frames: FakeFrames { machine.source }
    func beginCopy() {
        depth += 1
        copies += 1
    }
    func endCopy() { depth -= 1 }

    func makeAccessible(_ address: GuestVirtualAddress, write: Bool) -> Bool {
        precondition(depth == 0, "would wait for its own copy")
        guard let times = waiting[address.rawValue >> pageShift], times > 0 else { return false }
        waiting[address.rawValue >> pageShift] = times - 1
        return true
    }

    func translate(_ address: GuestVirtualAddress, write: Bool) -> MachineAddress? {
        precondition(depth == 1, "looked up outside of a copy")
        let page = address.rawValue >> pageShift
        if let times = waiting[page], times > 0 { return nil }
        guard page < UInt64(pages.count), !(write && page == 3), let frame = pages[Int(page)] else { return nil }
        return frame.address + address.offset
    }
}

@Suite struct GuestMemoryTests {
    private let guest = Guest()

    private func at(_ page: UInt64, _ offset: UInt64) -> GuestVirtualAddress { GuestVirtualAddress(page << 12 | offset) }

    @Test func structuresAcrossPages() throws {
        for offset in [0, 8, 4088, 4089, 4092, 4095] as [UInt64] {
            try guest.write(UInt64(0x0102_0304_0506_0708) &+ offset, at: at(0, offset))
            #expect(try guest.read(UInt64.self, at: at(0, offset)) == 0x0102_0304_0506_0708 + offset)
        }
        // The second half of what was written last is where the second page is.
        #expect(
            guest.frames.load(UInt8.self, at: guest.pages[1]!.address)
                == UInt8(truncatingIfNeeded: (0x0102_0304_0506_0708 + 4095) >> 8))
        #expect(guest.depth == 0)
        // One window for what lies in a page, one or two for each page else.
        let before = guest.copies
        _ = try guest.read(UInt64.self, at: at(0, 4088))
        #expect(guest.copies == before + 1)
        _ = try guest.read(UInt64.self, at: at(0, 4090))
        #expect(guest.copies == before + 4)
    }

    /// What was put off is done for a copy as for the guest's own access; for ever is not tried.
    @Test func pagesThatWaitForAnAccess() throws {
        guest.waiting = [1: 1, 2: 7]
        try guest.write(UInt64.max, at: at(1, 4092))
        #expect(try guest.read(UInt32.self, at: at(2, 0)) == .max)
        #expect(guest.waiting == [1: 0, 2: 0])
        guest.waiting = [1: 100]
        #expect(throws: XenError.efault) { try guest.read(UInt8.self, at: at(1, 0)) }
        #expect(guest.waiting == [1: 92])
        #expect(guest.depth == 0)
    }

    @Test func faults() throws {
        #expect(throws: XenError.efault) { try guest.read(UInt8.self, at: at(4, 0)) }
        #expect(throws: XenError.efault) { try guest.read(UInt64.self, at: at(3, 4092)) }
        #expect(throws: XenError.efault) { try guest.read(UInt64.self, at: GuestVirtualAddress(.max - 3)) }
        #expect(throws: XenError.efault) { try guest.write(UInt8(1), at: at(3, 0)) }
        // As a store of the guest's own would, it does what it can.
        #expect(throws: XenError.efault) { try guest.write(UInt64.max, at: at(2, 4092)) }
        #expect(try guest.read(UInt32.self, at: at(2, 4092)) == .max)
        #expect(guest.depth == 0)
    }

    @Test func bytesOfAnyLength() throws {
        let text = (0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try guest.write(bytes: text.span.bytes, at: at(0, 100))
        var back = [UInt8](repeating: 0, count: 9000)
        var span = back.mutableSpan
        try guest.read(bytes: &span, count: 9000, at: at(0, 100))
        #expect(back == text)
        #expect(throws: XenError.efault) { try guest.write(bytes: text.span.bytes, at: at(1, 0)) }
        try guest.write(bytes: text.span.extracting(..<0).bytes, at: at(4, 0))
        #expect(guest.depth == 0)
    }
}

@Suite struct HeapFramesTests {
    @Test func isTheHeapAsAValue() throws {
        let world = MemoryWorld()
        let frames = world.frames
        let free = world.freeFrames
        let frame = try #require(frames.allocate())
        #expect(world.freeFrames == free - 1)
        #expect(frames.load(UInt64.self, at: frame.address) == 0)
        frames.store(UInt64(7), at: frame.address)
        #expect(world.machine.source.load(UInt64.self, at: frame.address) == 7)
        frames.free(frame)
        #expect(world.freeFrames == free)
        world.machine.processor = 2
        #expect(frames.processorHint == 2)
    }
}
