// SPDX-License-Identifier: Apache-2.0

/// How a PVH domain starts, ours and our guests' (arch-x86/hvm/start_info.h). All addresses are physical.
public enum PVH {
    /// Xen: XEN_HVM_START_MAGIC_VALUE
    @inlinable public static var magic: UInt32 { 0x336E_C578 }

    /// arch-x86/hvm/start_info.h: XEN_HVM_MEMMAP_TYPE_*.
    @frozen public enum MemoryType: UInt32, Sendable {
        case ram = 1
        case reserved = 2
        case acpi = 3
        case nvs = 4
        case unusable = 5
        case disabled = 6
        case persistent = 7
    }

    /// struct hvm_start_info.
    @frozen public struct StartInfo: BitwiseCopyable, Sendable {
        public var magic: UInt32 = 0
        public var version: UInt32 = 0
        /// `StartInfoFlag`s.
        public var flags: UInt32 = 0
        public var nrModules: UInt32 = 0
        /// Of `nrModules` `Module`s.
        public var moduleList: UInt64 = 0
        /// NUL-terminated.
        public var commandLine: UInt64 = 0
        public var rsdp: UInt64 = 0
        /// From version 1 on: of `memoryMapEntries` `MemoryMapEntry`s.
        public var memoryMap: UInt64 = 0
        public var memoryMapEntries: UInt32 = 0
        public var reserved: UInt32 = 0
        @inlinable public init() {}
    }

    /// struct hvm_modlist_entry.
    @frozen public struct Module: BitwiseCopyable, Sendable {
        public var address: UInt64 = 0
        /// Bytes.
        public var size: UInt64 = 0
        public var commandLine: UInt64 = 0
        public var reserved: UInt64 = 0
        @inlinable public init() {}
    }

    /// struct hvm_memmap_table_entry.
    @frozen public struct MemoryMapEntry: BitwiseCopyable, Sendable {
        public var address: UInt64 = 0
        /// Bytes.
        public var size: UInt64 = 0
        /// A `MemoryType`.
        public var type: UInt32 = 0
        public var reserved: UInt32 = 0
        @inlinable public init() {}
    }
}
