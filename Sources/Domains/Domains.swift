// SPDX-License-Identifier: Apache-2.0

/// `Domain` and `VCPU`: their state and lifecycle.
