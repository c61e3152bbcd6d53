// SPDX-License-Identifier: Apache-2.0

/// UARTs, interrupt controllers, timers over a `Bus`.
