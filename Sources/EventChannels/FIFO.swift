// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization
import XenABI

// The FIFO ABI: an event word per port, in an array of pages that the guest adds. Each vCPU has sixteen queues, one per
// priority: a linked list through the event words, whose head is in the vCPU's control block and whose tail only we
// know (event_channel.h: struct evtchn_fifo_control_block).
//
// To a word that is LINKED the guest may do four things: set MASKED, clear MASKED (not while BUSY), clear PENDING, clear
// LINKED together with LINK. A guest that does more breaks its own queues only: every word that we follow is checked,
// and every loop is bounded.
extension EventChannels {
    /// The event word of a port, or nil while its page is missing.
    @inline(__always) func eventWord(_ number: UInt32) -> Ref<Atomic<UInt32>>? {
        // Pairs with `expandArray`, which publishes the page before the count.
        guard number < words.load(ordering: .sequentiallyConsistent) else { return nil }
        let page = pages[Int(number >> 10) & 127].load(ordering: .relaxed)
        return word(MachineAddress(page) + UInt64(number & 1023) * 4)
    }

    func testFIFO(_ number: UInt32, _ bit: UInt32) -> Bool? {
        eventWord(number).map { $0.pointee.load(ordering: .sequentiallyConsistent) & bit != 0 }
    }

    func clearPendingFIFO(_ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>) {
        _ = entry.pointee.unpark()
        // The guest unlinks events that are not pending any more.
        _ = eventWord(number)?.pointee.clearBits(EventFIFO.pending)
    }

    func unmaskFIFO(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ delivery: Delivery, _ sink: some EventSink<VCPU>
    ) {
        guard let word = eventWord(number) else { return }
        guard let old = word.pointee.clearBits(EventFIFO.masked) else { return lost(number, delivery, sink) }
        if old & EventFIFO.pending != 0 { deliverFIFO(number, entry, delivery, sink) }
    }

    func deliverFIFO(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ delivery: Delivery, _ sink: some EventSink<VCPU>
    ) {
        guard let word = eventWord(number) else { return parkFIFO(number, entry, delivery, sink) }
        guard let vcpu = vcpus.element(delivery.vcpu, in: frames) else { return }
        let control = vcpu.pointee.control.load(ordering: .acquiring)
        if control == 0 { return lost(number, delivery, sink, .noControlBlock) }
        let queue = QueueID(rawValue: delivery.queue)
        let outcome = enqueue(number, entry, word, vcpu, queue, MachineAddress(control))
        switch outcome {
        case .failed(let reason): return lost(number, delivery, sink, reason)
        case .done(let isNew, let isHead):
            if isHead { raiseReady(number, vcpu, queue, MachineAddress(control), sink) }
            if isNew { wakePollers(number, sink) }
        }
    }

    /// The event word has no page yet: remembers the event until it has.
    private func parkFIFO(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ delivery: Delivery, _ sink: some EventSink<VCPU>
    ) {
        entry.pointee.park()
        // `expandArray` looks for parked events after it has published the page: it saw ours, or we see the page.
        if eventWord(number) != nil && entry.pointee.unpark() { deliverFIFO(number, entry, delivery, sink) }
    }

    /// Tells the vCPU that the queue has a new head.
    private func raiseReady(
        _ number: UInt32, _ vcpu: Ref<VCPUEvents<VCPU>>, _ queue: QueueID, _ control: MachineAddress,
        _ sink: some EventSink<VCPU>
    ) {
        let bit = UInt32(1) << queue.priority
        guard let ready = word(control).pointee.setBits(bit) else {
            return sink.eventLost(vcpu.pointee.vcpu, port: number, .contention)
        }
        if ready & bit != 0 { return }
        let info = vcpu.pointee.info.load(ordering: .sequentiallyConsistent)
        if info != 0 { raiseUpcall(vcpu, info: info, number, sink) }
    }
}

/// What putting an event into its queue came to.
enum Enqueued {
    /// Whether it was not pending before; whether the queue's head changed.
    case done(isNew: Bool, isHead: Bool)
    case failed(LostEvent)
}

extension EventChannels {
    /// Sets PENDING and links the event at the end of `queue`, unless it is masked or linked.
    ///
    /// The queue's lock is held from before PENDING is set until the event is linked, so that nobody who sees PENDING
    /// runs ahead of the list. An event that was last in another queue may be that queue's tail: then both are held.
    private func enqueue(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ word: Ref<Atomic<UInt32>>,
        _ vcpu: Ref<VCPUEvents<VCPU>>, _ queue: QueueID, _ control: MachineAddress
    ) -> Enqueued {
        let priority = Int(queue.priority) & 15
        for _ in 0..<3 {
            let last = QueueID(rawValue: entry.pointee.lastQueue.load(ordering: .relaxed))
            let outcome: Enqueued?
            if last.rawValue == queue.rawValue {
                outcome = vcpu.pointee.queues[priority].withLock { tail in
                    guard entry.pointee.lastQueue.load(ordering: .relaxed) == last.rawValue else { return nil }
                    return link(number, word, &tail, priority, control)
                }
            } else {
                outcome = move(number, entry, word, vcpu, from: last, to: queue, control)
            }
            if let outcome { return outcome }
        }
        return .failed(.queueChanges)
    }

    /// As `enqueue`, for an event that was in the queue `last` before. Nil where it is not its last queue any more.
    @inline(never)
    private func move(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ word: Ref<Atomic<UInt32>>,
        _ vcpu: Ref<VCPUEvents<VCPU>>, from last: QueueID, to queue: QueueID, _ control: MachineAddress
    ) -> Enqueued? {
        guard let old = vcpus.element(last.vcpu, in: frames) else { return .failed(.queueChanges) }
        let priority = Int(queue.priority) & 15
        let oldPriority = Int(last.priority) & 15
        func linkIn(_ tail: inout UInt32, _ oldTail: inout UInt32) -> Enqueued? {
            guard entry.pointee.lastQueue.load(ordering: .relaxed) == last.rawValue else { return nil }
            guard let before = word.pointee.setBits(EventFIFO.pending) else { return .failed(.contention) }
            let isNew = before & EventFIFO.pending == 0
            guard takeLink(word, before) else { return .done(isNew: isNew, isHead: false) }
            // It was unlinked, so if it was the old queue's tail, that queue is empty.
            if oldTail == number { oldTail = 0 }
            entry.pointee.lastQueue.store(queue.rawValue, ordering: .relaxed)
            return .done(isNew: isNew, isHead: append(number, &tail, priority, control))
        }
        if queue.rawValue < last.rawValue {
            return vcpu.pointee.queues[priority].withLock { tail in
                old.pointee.queues[oldPriority].withSecondLock { linkIn(&tail, &$0) }
            }
        }
        return old.pointee.queues[oldPriority].withLock { oldTail in
            vcpu.pointee.queues[priority].withSecondLock { linkIn(&$0, &oldTail) }
        }
    }

    /// Sets PENDING, and links the event in the queue that it was last in.
    @inline(__always)
    private func link(
        _ number: UInt32, _ word: Ref<Atomic<UInt32>>, _ tail: inout UInt32, _ priority: Int, _ control: MachineAddress
    ) -> Enqueued {
        guard let before = word.pointee.setBits(EventFIFO.pending) else { return .failed(.contention) }
        let isNew = before & EventFIFO.pending == 0
        guard takeLink(word, before) else { return .done(isNew: isNew, isHead: false) }
        // It was unlinked, so if it was the tail, the queue is empty.
        if tail == number { tail = 0 }
        return .done(isNew: isNew, isHead: append(number, &tail, priority, control))
    }

    /// Sets LINKED if the event is neither masked nor linked. False otherwise.
    @inline(__always)
    private func takeLink(_ word: Ref<Atomic<UInt32>>, _ before: UInt32) -> Bool {
        if before & (EventFIFO.masked | EventFIFO.linked) != 0 { return false }
        guard let linked = word.pointee.setBits(EventFIFO.linked) else { return false }
        return linked & EventFIFO.linked == 0
    }

    /// Puts a port that is LINKED at the end of a queue. True where it became the head.
    @inline(__always)
    private func append(
        _ number: UInt32, _ tail: inout UInt32, _ priority: Int, _ control: MachineAddress
    ) -> Bool {
        let last = tail
        tail = number
        if last != 0, let tailWord = eventWord(last), setLink(tailWord, to: number) { return false }
        word(control + 8 + UInt64(priority) * 4).pointee.store(number, ordering: .releasing)
        return true
    }

    /// Makes a word that is still LINKED point to `number`. False where the guest has unlinked it.
    ///
    /// One attempt without BUSY; then BUSY keeps a well-behaved guest from unmasking, which leaves it at most four
    /// changes to make.
    @inline(__always)
    private func setLink(_ word: Ref<Atomic<UInt32>>, to number: UInt32) -> Bool {
        let old = word.pointee.load(ordering: .relaxed)
        if old & EventFIFO.linked == 0 { return false }
        let new = old & ~(EventFIFO.busy | EventFIFO.linkMask) | number
        let first = word.pointee.weakCompareExchange(expected: old, desired: new, ordering: .sequentiallyConsistent)
        return first.exchanged || setLinkBusy(word, to: number)
    }

    @inline(never)
    private func setLinkBusy(_ word: Ref<Atomic<UInt32>>, to number: UInt32) -> Bool {
        guard var old = word.pointee.setBits(EventFIFO.busy) else { return true }
        old |= EventFIFO.busy
        var changes = 0
        // An attempt that fails though nothing has changed is no change; of those, too, there is an end (XSA-295).
        for _ in 0..<guestAttempts where changes < 4 {
            if old & EventFIFO.linked == 0 {
                _ = word.pointee.clearBits(EventFIFO.busy)
                return false
            }
            let new = old & ~(EventFIFO.busy | EventFIFO.linkMask) | number
            let attempt = word.pointee.weakCompareExchange(expected: old, desired: new, ordering: .sequentiallyConsistent)
            if attempt.exchanged { return true }
            if attempt.original != old { changes += 1 }
            old = attempt.original
        }
        // The guest breaks the rules: its event is pending but nowhere linked.
        _ = word.pointee.clearBits(EventFIFO.busy)
        return true
    }
}
