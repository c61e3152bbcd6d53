// SPDX-License-Identifier: Apache-2.0

/// Frame table, NUMA-aware page allocator, scrubbing.
