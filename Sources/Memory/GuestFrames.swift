// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine

/// Frames on their way to a guest. What they held before is gone from memory itself and not only from the caches: a guest may map
/// them so that it reads past these (Xen: flush_page_to_ram in alloc_heap_pages).
extension FrameHeap {
    /// As `allocate`, for a guest that has `claimed` of the frames set aside: they are not any more. What was zeroed before anybody asked for it was cleaned with that.
    public func allocateForGuest(order: Int, on place: NodeRequest, claimed: UInt64) -> MFN? {
        guard let block = take(order: order, on: place, claimed: claimed) else { return nil }
        if block.dirty {
            let bytes = pageSize << UInt64(order)
            memory.zero(block.frame.address, count: bytes)
            memory.cleanToMemory(block.frame.address, count: bytes)
        }
        return block.frame
    }

    /// A frame of the hypervisor's is about to be shown to a guest, with what is in it.
    public func willShow(_ frame: MFN) { memory.cleanToMemory(frame.address, count: pageSize) }
}
