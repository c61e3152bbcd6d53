// SPDX-License-Identifier: Apache-2.0

import Containers
import Domains
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_event_channel_op
    func eventChannelOp() throws(XenError) -> Outcome { throw .enosys }

    /// Xen: __HYPERVISOR_grant_table_op
    func grantTableOp() throws(XenError) -> Outcome { throw .enosys }

    /// Xen: __HYPERVISOR_vcpu_op
    func vcpuOp() throws(XenError) -> Outcome { throw .enosys }
}
