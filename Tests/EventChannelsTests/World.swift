// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Foundation
import Machine
import Support
import Synchronization
import XenABI

@testable import EventChannels

typealias Events = EventChannels<FakeFrames, Name>

/// How the tests name a vCPU.
struct Name: BitwiseCopyable, Hashable, Sendable {
    let domain: UInt16
    let vcpu: UInt32
}

/// Records what the event channels ask for.
final class Trace: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var upcalls: [Name] = []
    private(set) var unblocked: [Name] = []
    private(set) var consumed: [(consumer: UInt8, vcpu: Name, port: UInt32)] = []
    private(set) var routed: [(pirq: UInt32, vcpu: Name)] = []
    private(set) var lost: [(port: UInt32, reason: LostEvent)] = []

    func record(_ change: (Trace) -> Void) { lock.withLock { change(self) } }
    fileprivate func add(upcall: Name) { record { $0.upcalls.append(upcall) } }
    fileprivate func add(unblocked: Name) { record { $0.unblocked.append(unblocked) } }
    fileprivate func add(consumer: UInt8, _ vcpu: Name, _ port: UInt32) {
        record { $0.consumed.append((consumer, vcpu, port)) }
    }
    fileprivate func add(pirq: UInt32, _ vcpu: Name) { record { $0.routed.append((pirq, vcpu)) } }
    fileprivate func add(lost port: UInt32, _ reason: LostEvent) { record { $0.lost.append((port, reason)) } }

    func takeUpcalls() -> [Name] {
        lock.withLock {
            defer { upcalls = [] }
            return upcalls
        }
    }
}

struct TestSink: EventSink {
    let trace: Trace
    func raiseUpcall(_ vcpu: Name) { trace.add(upcall: vcpu) }
    func unblock(_ vcpu: Name) { trace.add(unblocked: vcpu) }
    func notifyXen(consumer: XenConsumer, vcpu: Name, port: UInt32) { trace.add(consumer: consumer.rawValue, vcpu, port) }
    func routePIRQ(_ pirq: UInt32, to vcpu: Name) { trace.add(pirq: pirq, vcpu) }
    func eventLost(_ vcpu: Name, port: UInt32, _ reason: LostEvent) { trace.add(lost: port, reason) }
}

/// A domain with RAM of its own: guest frame n is the n-th frame that it was given.
final class TestDomain: GuestFrameMapper, @unchecked Sendable {
    let id: DomainID
    let machine: FakeMachine
    let layout: SharedInfoLayout
    let sharedInfo: MFN
    let trace: Trace
    private var box: FrameBox<Events>?
    private(set) var ref: Ref<Events>!
    private var ram: [MFN] = []
    private(set) var pins: [MFN: Int] = [:]
    /// Pins until one fails; nil never fails.
    var failPinAfter: Int?
    /// What the guest's code knows of each vCPU's queues: FIFO heads.
    var fifoHeads: [[UInt32]]
    /// The event array's and the 3-level bitmaps' guest frames.
    var arrayFrames: [MFN] = []
    var bitmapFrames: [MFN] = []
    var controls: [Int: MachineAddress] = [:]

    init(
        _ id: UInt16 = 0, machine: FakeMachine, vcpus: Int = 2, layout: SharedInfoLayout = .arm,
        lastPort: UInt32 = .max >> 1, pirqs: UInt32 = 0, trace: Trace = Trace(), registers: Bool = true
    ) throws {
        self.id = DomainID(id)
        self.machine = machine
        self.layout = layout
        self.trace = trace
        guard let frame = machine.source.allocate() else { throw XenError.enomem }
        sharedInfo = frame
        fifoHeads = Array(repeating: Array(repeating: 0, count: 16), count: vcpus)
        do {
            let new = try Events.create(
                domain: self.id, frames: machine.source, layout: layout.wordBits == 32 ? .x86_64 : layout,
                sharedInfo: frame.address, lastPort: lastPort, pirqs: pirqs)
            ref = new.ref
            // A guest of 32 bits is known as one only when it asks for something.
            if layout.wordBits == 32 { ref.pointee.latchWords(of: 32) }
            box = consume new
            for vcpu in 0..<vcpus { try events.addVCPU(Name(domain: id, vcpu: UInt32(vcpu))) }
            if registers { try registerVCPUInfo() }
        } catch {
            destroy()
            throw error
        }
    }

    /// As a kernel does for the vCPUs that have none in shared_info.
    func registerVCPUInfo() throws {
        try registerVCPUInfoKeepingEvents()
        _ = handleAll()
        _ = trace.takeUpcalls()
    }

    func registerVCPUInfoKeepingEvents() throws {
        for vcpu in 0..<vcpus where vcpu >= Int(layout.legacyVCPUs) {
            try events.registerVCPUInfo(vcpu: VCPUID(UInt32(vcpu)), gfn: addFrame(), offset: 64, self, sink)
        }
    }

    var events: Operations { Operations(ref: ref) }
    var sink: TestSink { TestSink(trace: trace) }
    var vcpus: Int { fifoHeads.count }

    func destroy() {
        var taken: FrameBox<Events>?
        swap(&taken, &box)
        if let taken {
            _ = taken.ref.pointee.close(self) { false }
            Events.destroy(taken)
        }
        for frame in ram { machine.source.free(frame) }
        ram = []
        machine.source.free(sharedInfo)
    }

    // MARK: Memory

    /// A new frame of RAM.
    func addFrame() throws -> GFN {
        guard let frame = machine.source.allocate() else { throw XenError.enomem }
        ram.append(frame)
        return GFN(UInt64(ram.count - 1))
    }

    func frame(_ gfn: GFN) -> MFN { ram[Int(gfn.rawValue)] }

    func pin(_ gfn: GFN) throws(XenError) -> MFN {
        guard gfn.rawValue < UInt64(ram.count) else { throw .einval }
        if let left = failPinAfter {
            if left == 0 { throw .enomem }
            failPinAfter = left - 1
        }
        pins[frame(gfn), default: 0] += 1
        return frame(gfn)
    }

    func unpin(_ frame: MFN) {
        precondition(pins[frame, default: 0] > 0, "unpinned too often")
        pins[frame]! -= 1
    }

    var pinned: Int { pins.values.reduce(0, +) }

    func atomic(_ address: MachineAddress) -> Ref<Atomic<UInt32>> {
        machine.source.atomic(UInt32.self, at: address)
    }

    func setBit(_ bit: UInt32, at address: MachineAddress) {
        atomic(address + UInt64(bit >> 5) * 4).pointee.bitwiseOr(1 << (bit & 31), ordering: .sequentiallyConsistent)
    }

    func clearBit(_ bit: UInt32, at address: MachineAddress) -> Bool {
        let old = atomic(address + UInt64(bit >> 5) * 4).pointee.bitwiseAnd(
            ~(1 << (bit & 31)), ordering: .sequentiallyConsistent
        ).oldValue
        return old & 1 << (bit & 31) != 0
    }

    func testBit(_ bit: UInt32, at address: MachineAddress) -> Bool {
        atomic(address + UInt64(bit >> 5) * 4).pointee.load(ordering: .sequentiallyConsistent) & 1 << (bit & 31) != 0
    }
}
