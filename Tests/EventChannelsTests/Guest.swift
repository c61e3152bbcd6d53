// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import Synchronization
import XenABI

@testable import EventChannels

/// The guest's side of each ABI, as a kernel does it.
extension TestDomain {
    /// Switches to an ABI, with room for `ports` ports and all vCPUs set up.
    func use(_ abi: ABI, ports: UInt32 = 4096) throws {
        switch abi {
        case .twoLevel: break
        case .fifo:
            for vcpu in 0..<vcpus { try addControlBlock(vcpu) }
            for _ in 0..<(ports + 1023) / 1024 { try expand() }
        case .threeLevel:
            try registerBitmaps()
            for vcpu in 0..<vcpus { try registerSelector(vcpu) }
        }
    }

    func addControlBlock(_ vcpu: Int, offset: UInt32 = 128) throws {
        let gfn = try addFrame()
        let bits = try events.initControl(vcpu: UInt32(vcpu), gfn: gfn, offset: offset, self)
        precondition(bits == 17)
        controls[vcpu] = frame(gfn).address + UInt64(offset)
    }

    func expand() throws {
        let gfn = try addFrame()
        // A kernel masks all events of a new page first.
        for word in 0..<UInt64(1024) {
            atomic(frame(gfn).address + word * 4).pointee.store(maskNew ? EventFIFO.masked : 0, ordering: .relaxed)
        }
        try events.expandArray(gfn: gfn, self, sink)
        arrayFrames.append(frame(gfn))
    }

    private var maskNew: Bool { false }

    func registerBitmaps() throws {
        var bitmaps = EventRegister3LevelBitmaps()
        bitmaps.nrPages = events.threeLevelPages
        var frames: [MFN] = []
        for index in 0..<Int(bitmaps.nrPages) {
            let (pending, mask) = (try addFrame(), try addFrame())
            bitmaps.pendingGFN[index] = pending.rawValue
            bitmaps.maskGFN[index] = mask.rawValue
            frames += [frame(pending), frame(mask)]
        }
        try events.registerBitmaps(bitmaps, self)
        bitmapFrames = frames
    }

    func registerSelector(_ vcpu: Int, offset: UInt32 = 512) throws {
        let gfn = try addFrame()
        try events.registerSelector(vcpu: UInt32(vcpu), gfn: gfn, offset: offset, self, sink)
        controls[vcpu] = frame(gfn).address + UInt64(offset)
    }

    // MARK: Masks

    func mask(_ port: UInt32) {
        switch events.abi {
        case .twoLevel: setBit(port, at: sharedInfo.address + layout.mask)
        case .fifo: fifoWord(port)!.pointee.bitwiseOr(EventFIFO.masked, ordering: .sequentiallyConsistent)
        case .threeLevel: setBit(port & 0x7FFF, at: bitmapFrames[Int(port >> 15) * 2 + 1].address)
        }
    }

    func unmask(_ port: UInt32) throws { try events.unmask(port, sink) }

    func fifoWord(_ port: UInt32) -> Ref<Atomic<UInt32>>? {
        guard Int(port >> 10) < arrayFrames.count else { return nil }
        return atomic(arrayFrames[Int(port >> 10)].address + UInt64(port & 1023) * 4)
    }

    // MARK: Upcall

    func info(_ vcpu: Int) -> MachineAddress { events.vcpuInfo(VCPUID(UInt32(vcpu)))! }

    /// What an upcall on this vCPU handles: the ports in their order. Handled ports are not pending any more.
    func handleUpcall(_ vcpu: Int, _ handle: ((UInt32) -> Void)? = nil) -> [UInt32] {
        var handled: [UInt32] = []
        guard events.vcpuInfo(VCPUID(UInt32(vcpu))) != nil else { return [] }
        let upcall = machine.source.atomic(UInt8.self, at: info(vcpu) + layout.upcallPending)
        while upcall.pointee.exchange(0, ordering: .sequentiallyConsistent) != 0 {
            let found: [UInt32]
            switch events.abi {
            case .twoLevel: found = scanTwoLevel(vcpu, handle)
            case .fifo: found = scanFIFO(vcpu, handle)
            case .threeLevel: found = scanThreeLevel(vcpu, handle)
            }
            handled += found
        }
        return handled
    }

    func handleAll() -> Set<UInt32> { Set((0..<vcpus).flatMap { handleUpcall($0) }) }

    private func takeBits(_ address: MachineAddress) -> [UInt32] {
        bits(of: layout.wordBits, at: address, take: true)
    }

    private func bits(of width: UInt32, at address: MachineAddress, take: Bool) -> [UInt32] {
        (0..<width / 32).flatMap { half in
            let word = atomic(address + UInt64(half) * 4)
            let value =
                take
                ? word.pointee.exchange(0, ordering: .sequentiallyConsistent)
                : word.pointee.load(ordering: .sequentiallyConsistent)
            return (0..<32).filter { value & 1 << $0 != 0 }.map { UInt32(half) * 32 + $0 }
        }
    }

    private func scanTwoLevel(_ vcpu: Int, _ handle: ((UInt32) -> Void)?) -> [UInt32] {
        takeBits(info(vcpu) + layout.pendingSelector).flatMap { index in
            let first = index * layout.wordBits
            return (first..<first + layout.wordBits).filter { port in
                guard testBit(port, at: sharedInfo.address + layout.pending),
                    !testBit(port, at: sharedInfo.address + layout.mask)
                else { return false }
                guard clearBit(port, at: sharedInfo.address + layout.pending) else { return false }
                handle?(port)
                return true
            }
        }
    }

    private func scanThreeLevel(_ vcpu: Int, _ handle: ((UInt32) -> Void)?) -> [UInt32] {
        let width = layout.wordBits
        return takeBits(info(vcpu) + layout.pendingSelector).flatMap { top in
            takeBits(controls[vcpu]! + UInt64(top * width / 8)).flatMap { middle in
                let first = (top * width + middle) * width
                return (first..<first + width).filter { port in
                    let pending = bitmapFrames[Int(port >> 15) * 2].address
                    let mask = bitmapFrames[Int(port >> 15) * 2 + 1].address
                    guard testBit(port & 0x7FFF, at: pending), !testBit(port & 0x7FFF, at: mask) else { return false }
                    guard clearBit(port & 0x7FFF, at: pending) else { return false }
                    handle?(port)
                    return true
                }
            }
        }
    }

    private func scanFIFO(_ vcpu: Int, _ handle: ((UInt32) -> Void)?) -> [UInt32] {
        guard let control = controls[vcpu] else { return [] }
        var handled: [UInt32] = []
        var ready = atomic(control).pointee.exchange(0, ordering: .sequentiallyConsistent)
        while ready != 0 {
            let priority = ready.trailingZeroBitCount
            if !consumeOne(vcpu, priority, control, handle, &handled) { ready &= ~(1 << UInt32(priority)) }
            ready |= atomic(control).pointee.exchange(0, ordering: .sequentiallyConsistent)
        }
        return handled
    }

    /// Takes one event off a queue. False where the queue is empty then.
    private func consumeOne(
        _ vcpu: Int, _ priority: Int, _ control: MachineAddress, _ handle: ((UInt32) -> Void)?,
        _ handled: inout [UInt32]
    ) -> Bool {
        var head = fifoHeads[vcpu][priority]
        if head == 0 {
            head = atomic(control + 8 + UInt64(priority) * 4).pointee.load(ordering: .acquiring)
            if head == 0 { return false }
        }
        guard let word = fifoWord(head) else { return false }
        let port = head
        var old = word.pointee.load(ordering: .sequentiallyConsistent)
        while true {
            let new = old & ~(EventFIFO.linked | EventFIFO.linkMask)
            let (done, now) = word.pointee.compareExchange(
                expected: old, desired: new, ordering: .sequentiallyConsistent)
            if done { break }
            old = now
        }
        let next = old & EventFIFO.linkMask
        fifoHeads[vcpu][priority] = next
        let value = word.pointee.load(ordering: .sequentiallyConsistent)
        if value & EventFIFO.pending != 0 && value & EventFIFO.masked == 0 {
            word.pointee.bitwiseAnd(~EventFIFO.pending, ordering: .sequentiallyConsistent)
            handle?(port)
            handled.append(port)
        }
        return next != 0
    }
}
