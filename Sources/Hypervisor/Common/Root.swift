// SPDX-License-Identifier: Apache-2.0

import Base
import BootCommon
import Firmware
import Memory
import Sync
import Synchronization

/// The state of the whole machine. One, in the image's BSS.
struct Root: ~Copyable {
    let console = SpinLock(Console(), rank: .console)
    let frameTable = Once<FrameTable<Frames>>()
    let heap = Once<FrameHeap<Frames>>()
    let options = Once<Options>()
    let maximumFrame = Once<MFN>()
    /// What is particular to the ISA.
    let state = MachineState()

    #if LOCK_CHECKS
        /// The ranks of the locks that each CPU holds, by its number.
        let heldLocks = FixedArray<256, Atomic<UInt32>> { _ in Atomic(0) }
    #endif

    /// `noreboot`; false while the command line is not known yet.
    var noReboot: Bool { options.isSet && options.value.words.noReboot }

    /// Builds the root in its storage. First thing on the boot CPU. It is made on the stack first, and must not stay there.
    @inline(never) static func initialise() {
        precondition(MemoryLayout<Root>.size <= Int(boot_root_size()))
        // SAFETY: boot_root is aligned storage of sufficient size, and no CPU but this one runs.
        unsafe boot_root().assumingMemoryBound(to: Root.self).initialize(to: Root())
    }
}

/// The root, everywhere in this module.
var root: Root {
    @inline(__always) unsafeAddress {
        // SAFETY: `Root.initialise` ran before anything else, and the root is never moved.
        unsafe UnsafePointer(boot_root().assumingMemoryBound(to: Root.self))
    }
}
