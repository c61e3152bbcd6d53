// SPDX-License-Identifier: Apache-2.0

import Base
import Boot
import BootCommon
import Containers
import Machine
import Synchronization

/// The frames for page tables before there is a heap: a pool in the image's BSS, never given back.
struct BootPool: FrameSource {
    /// Machine address of the image's first byte.
    let image: MachineAddress

    init(image: MachineAddress) { self.image = image }

    /// The pool and the boot tables lie in the image, which is mapped where it is linked.
    @unsafe func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        // SAFETY: only addresses inside the image come here: tables of the pool, or the boot tables.
        unsafe UnsafeMutableRawPointer(
            bitPattern: UInt(boot_image_start() &+ (address.rawValue &- image.rawValue))
        ).unsafelyUnwrapped
    }

    func allocate(order: Int, node: NUMANode?) -> MFN? {
        let offset = boot_pool_take()
        guard order == 0, offset != 0 else { return nil }
        return Address(image.rawValue + (offset - boot_image_start())).frame
    }

    func free(_ frame: MFN, order: Int) {}
}
