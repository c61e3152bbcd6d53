// SPDX-License-Identifier: Apache-2.0

import Containers
import Domains
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_grant_table_op
    func grantTableOp() throws(XenError) -> Outcome { throw .enosys }
}
