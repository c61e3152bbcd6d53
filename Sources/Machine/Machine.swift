// SPDX-License-Identifier: Apache-2.0

/// Protocols only: what portable code needs of a processor, a stage-2 format, an interrupt controller, a clock, guest
/// memory and a console. Split by client. A conformer on the metal is an empty or word-sized struct passed down as a
/// generic parameter; in a test it is an object with a trace and a hand-moved clock.
