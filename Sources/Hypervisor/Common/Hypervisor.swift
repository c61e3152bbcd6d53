// SPDX-License-Identifier: Apache-2.0

/// The composition root: entry points, boot stages, the run loop. The only module that names concrete machines.
///
/// `Common` serves every ISA, `ARM` both ARMs; the rest is one directory per ISA. The state of the whole machine hangs
/// off `Root`, which lives in the image's BSS.
