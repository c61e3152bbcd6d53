// SPDX-License-Identifier: Apache-2.0

/// What is intercepted in every guest (AMD APM 2, 15.9 and tables B-1): what it might harm the host with, and what is virtual.
///
/// Task switches are the processor's own. It raises nothing while it switches that is not intercepted (the trap of a task state
/// segment is #DB), and neither CR3 nor LDTR has to be known here. Nor is the wait behind a floating-point error of the old kind
/// (FERR_FREEZE) intercepted: it ends with any interrupt, and the host's end the guest's turn as well.
public enum Intercept {
    /// Writes of CR0 and CR4, and of DR4-DR7. Those of CR3 are the processor's: there are too many.
    public static var control: UInt64 { 1 << 16 | 1 << 20 | 0xf << 52 }
    /// Interrupts, NMI, SMI, INIT, RDPMC, CPUID, INVD, PAUSE not, HLT, INVLPGA, ports, MSRs, shutdown.
    public static var first: UInt32 {
        1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 15 | 1 << 18 | 1 << 22 | 1 << 24 | 1 << 26 | 1 << 27 | 1 << 28 | 1 << 31
    }
    /// A window for interrupts has opened.
    public static var window: UInt32 { 1 << 4 }
    /// All of virtualisation itself, ICEBP, WBINVD, MONITOR, MWAIT in both forms, XSETBV, RDPRU. Not RDTSCP: the guest has none.
    public static var second: UInt32 { 0x7f | 0x7f << 8 }
    /// #DB and #AC, which can be raised while they are delivered, and then again, without an end and without an interrupt in
    /// between (XSA-156); machine checks.
    public static var exceptions: UInt32 { 1 << 1 | 1 << 17 | 1 << 18 }
}
