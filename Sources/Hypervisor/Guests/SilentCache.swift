// SPDX-License-Identifier: Apache-2.0

import Base
import P2M

/// Nobody has walked dom0's tables yet.
struct SilentCache: TranslationCache {
    func entriesWritten() {}
    func invalidate(_ frames: GuestRange) {}
}
