// SPDX-License-Identifier: Apache-2.0

/// Machine memory: the frame table, which knows of every RAM frame who owns it and who refers to it, and the
/// NUMA-aware buddy heap that is threaded through it.
///
/// Locks: one per node's heap (rank `.frameAllocator`), and one per pCPU's fast list, which only that pCPU takes in the
/// common case. A frame's owner and counts are one atomic word and need no lock.
/// Refuses to know: guests' address spaces, hypercalls, how RAM was found.
