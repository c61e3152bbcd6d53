// SPDX-License-Identifier: Apache-2.0

public import Base
public import Machine

/// Frames on their way to a guest. What they held before is gone from memory itself and not only from the caches: a guest may map
/// them so that it reads past these (Xen: flush_page_to_ram in alloc_heap_pages).
extension FrameHeap {
    /// As `allocate`, for a guest.
    public func allocateForGuest(order: Int, on place: NodeRequest, claimed: UInt64) -> MFN? {
        guard let frame = allocate(order: order, on: place, claimed: claimed) else { return nil }
        memory.cleanToMemory(frame.address, count: pageSize << UInt64(order))
        return frame
    }

    /// A frame of the hypervisor's is about to be shown to a guest, with what is in it.
    public func willShow(_ frame: MFN) { memory.cleanToMemory(frame.address, count: pageSize) }
}
