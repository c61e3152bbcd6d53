// SPDX-License-Identifier: Apache-2.0

/// Ports, binding and delivery; the 2-level, 3-level and FIFO ABIs behind one interface.
