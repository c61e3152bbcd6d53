// SPDX-License-Identifier: Apache-2.0

/// Fixed-capacity collections, references into slot pools, and the safe accessors of machine memory. Everything here
/// is made from frames; nothing calls an allocator of the language runtime.
