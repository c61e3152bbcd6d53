// SPDX-License-Identifier: Apache-2.0

/// Numbers of exceptions that the hypervisor treats by name (Intel SDM 3A, table 6-1).
public enum ExceptionVector {
    public static var nmi: UInt64 { 2 }
    public static var invalidOpcode: UInt64 { 6 }
    public static var doubleFault: UInt64 { 8 }
    public static var generalProtection: UInt64 { 13 }
    public static var pageFault: UInt64 { 14 }
    public static var machineCheck: UInt64 { 18 }

    /// In Xen's words (Xen: trapstr).
    public static func name(_ vector: UInt64) -> StaticString {
        let names: InlineArray<22, StaticString> = [
            "divide error", "debug", "nmi", "bkpt", "overflow", "bounds", "invalid opcode", "device not available",
            "double fault", "coprocessor segment", "invalid tss", "segment not found", "stack error",
            "general protection fault", "page fault", "spurious interrupt", "coprocessor error", "alignment check",
            "machine check", "simd error", "virtualisation exception", "control protection",
        ]
        return vector < UInt64(names.count) ? names[Int(vector)] : "???"
    }
}
