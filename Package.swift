// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
//
// One manifest, two builds. Without XEN_IMAGE: the portable modules and their tests on the host.
// With XEN_IMAGE=arm64|arm32|x86_64: the freestanding image of that ISA (`make` sets it).

import PackageDescription

/// What differs between the three images: the C targets, the root's sources and the flags of the code generator.
struct Image {
    let arch: String
    let metal: String
    let boot: String
    let rootSources: [String]
    let flags: [String]

    static let all: [String: Image] = [
        "arm64": Image(
            arch: "ArchARM64", metal: "ARM64", boot: "arm64", rootSources: ["Common", "Guests", "ARM", "ARM64"],
            flags: ["-mgeneral-regs-only", "-mno-outline-atomics"]),
        "arm32": Image(
            arch: "ArchARM32", metal: "ARM32", boot: "arm32", rootSources: ["Common", "ARM", "ARM32"],
            flags: ["-mcpu=cortex-a15", "-mfpu=none", "-mfloat-abi=soft", "-fno-omit-frame-pointer"]),
        "x86_64": Image(
            arch: "ArchX86", metal: "X86Machine", boot: "x86_64", rootSources: ["Common", "Guests", "X86"],
            flags: ["-fPIE", "-mno-red-zone", "-mno-sse", "-mno-sse2", "-mno-mmx", "-mno-avx", "-msoft-float"]),
    ]
}

let image = Context.environment["XEN_IMAGE"].flatMap { Image.all[$0] }
let isImage = image != nil

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("SuppressedAssociatedTypes"),
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]
let imageFlags = (image?.flags ?? []).flatMap { ["-Xcc", $0] }
let imageSettings: [SwiftSetting] =
    isImage
    ? [
        .enableExperimentalFeature("Embedded"),
        .unsafeFlags(["-wmo", "-num-threads", "0", "-Xfrontend", "-function-sections"] + imageFlags),
    ] : []
/// Locks check the order in which they are taken: on the host, and in the image that `make` calls xen-checked.
let checkedLocks = !isImage || Context.environment["XEN_CHECKED"] != nil
let lockChecks: [SwiftSetting] = checkedLocks ? [.define("LOCK_CHECKS")] : []
/// Host tests by the million run code that is generic over their fakes: the optimiser makes one of it for each only where it sees
/// into the module.
let seenInto: [SwiftSetting] = isImage ? [] : [.unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))]
let rawStorage: [SwiftSetting] = [
    .enableExperimentalFeature("RawLayout"),
    .enableExperimentalFeature("BuiltinModule"),
]

/// A Swift module of the hypervisor. `imports` is the whole list of modules it may import.
func module(
    _ name: String, _ imports: [Target.Dependency] = [], extra: [SwiftSetting] = [], sources: [String]? = nil
) -> Target {
    .target(name: name, dependencies: imports, path: "Sources/\(name)", sources: sources, swiftSettings: strict + extra + imageSettings + seenInto)
}

/// The tests of one module, and what they need besides it.
func tests(_ name: String, _ imports: [Target.Dependency] = [], extra: [SwiftSetting] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name), "Support"] + imports, path: "Tests/\(name)Tests",
        swiftSettings: [.enableExperimentalFeature("SuppressedAssociatedTypes")] + extra)
}

func c(_ name: String, path: String) -> Target {
    .target(name: name, path: path, cSettings: isImage ? [.unsafeFlags((image?.flags ?? []) + ["-ffreestanding", "-ffunction-sections", "-fdata-sections"])] : [])
}

// Layers 0-5: a module imports lower layers only (docs/architecture.md).
var targets: [Target] = [
    module("XenABI"),
    module("Base"),
    module("Machine", ["Base"]),
    module("Sync", ["Base", "ArchCommon"], extra: rawStorage + lockChecks),
    module("Containers", ["Base", "Machine", "Sync"], extra: rawStorage),
    module("Memory", ["XenABI", "Base", "Machine", "Sync", "Containers"]),
    module("P2M", ["Base", "Machine", "Sync", "Containers"]),
    module("EventChannels", ["XenABI", "Base", "Machine", "Sync", "Containers"]),
    module("GrantTables", ["XenABI", "Base", "Machine", "Sync", "Containers"]),
    module("Scheduler", ["XenABI", "Base", "Machine", "Sync", "Containers"]),
    module("Timekeeping", ["XenABI", "Base", "Machine", "Containers"]),
    module("VirtualGIC", ["Base", "Machine", "Sync", "Containers"]),
    module("VirtualAPIC", ["Base", "Sync"]),
    module("VirtualPCI", ["Base", "Machine", "Sync", "Containers"]),
    // A million instructions in a test are too many without the optimiser.
    module("X86Emulator", extra: isImage ? [] : [.unsafeFlags(["-O"])]),
    module("Firmware", ["Base"]),
    // Nor can a million packed files be.
    module("Decompression", extra: isImage ? [] : [.unsafeFlags(["-O"])]),
    module("MMIO", ["Base", "Machine", "ArchCommon"]),
    module("ARM", ["Base", "Machine", "P2M"]),
    module("X86", ["Base", "Machine", "P2M", "Firmware"]),
    module("Drivers", ["Base", "Machine", "Sync", "Containers", "MMIO"]),
    c("ArchCommon", path: "arch/common"),
]

// The upper layers, which the composition root ties together.
let domains: [Target.Dependency] = [
    "XenABI", "Base", "Machine", "Sync", "Containers", "Memory", "P2M", "EventChannels", "GrantTables", "Scheduler",
    "Timekeeping", "VirtualGIC", "VirtualAPIC",
]
targets += [
    module("Domains", domains),
    module("Hypercalls", domains + ["Domains"]),
    module("DomainBuilder", domains + ["Domains", "Firmware", "Decompression"]),
]

if let image {
    targets += [
        c(image.arch, path: "arch/\(image.boot == "x86_64" ? "x86" : image.boot)"),
        c("Boot", path: "boot/\(image.boot)"),
        c("BootCommon", path: "boot/common"),
        module(
            image.metal, ["Base", "Machine", "Sync", "Containers", "P2M", "MMIO", "ARM", "X86", "Drivers", "Boot", "BootCommon"]
                + [.byName(name: image.arch)]),
        module(
            "Hypervisor",
            domains + ["Domains", "Hypercalls", "DomainBuilder", "Firmware", "MMIO", "ARM", "X86", "Drivers", "ArchCommon", "Decompression", "X86Emulator", "VirtualPCI"]
                + [.byName(name: image.arch), .byName(name: image.metal), "Boot", "BootCommon"],
            extra: lockChecks, sources: image.rootSources),
    ]
} else {
    targets += [
        .target(
            name: "Support", dependencies: ["Base", "Machine", "Sync", "Containers"], path: "Tests/Support",
            swiftSettings: [.enableExperimentalFeature("SuppressedAssociatedTypes")] + seenInto),
        tests("Base"),
        tests("XenABI"),
        tests("Memory", ["XenABI", "Base", "Machine", "Containers"]),
        tests("P2M", ["Base", "Machine", "X86", "ARM"]),
        tests("Scheduler", ["Base"]),
        tests("ARM", ["Base", "P2M"]),
        tests("Firmware", ["Base"]),
        tests("Decompression", extra: [.unsafeFlags(["-O"])]),
        tests("X86", ["Base", "P2M", "Firmware"]),
        tests("VirtualAPIC", ["Base"]),
        tests("VirtualPCI", ["Base", "Machine", "Containers"]),
        tests("Drivers", ["Base", "Containers", "Machine", "MMIO"]),
        tests("DomainBuilder", ["Base", "Containers", "Firmware", "Decompression"]),
        .target(name: "Native", path: "Tests/Native"),
        tests("X86Emulator", ["Native"], extra: [.unsafeFlags(["-O"])]),
        tests("EventChannels", ["XenABI"]),
        tests("GrantTables", ["XenABI"]),
        tests("Timekeeping", ["XenABI"]),
        tests("Hypercalls", ["XenABI", "Memory", "P2M", "Domains", "EventChannels", "GrantTables", "Timekeeping", "ARM"]),
        .testTarget(
            name: "MachineLawTests", dependencies: domains + ["Domains", "Hypercalls", "ARM", "X86", "ArchCommon", "Support"],
            path: "Tests/MachineLawTests",
            swiftSettings: [
                .enableExperimentalFeature("SuppressedAssociatedTypes"), .unsafeFlags(["-O", "-enforce-exclusivity=unchecked"]),
            ]),
        tests("VirtualGIC", ["Base"]),
        tests("Sync"),
        tests("Containers", ["Sync"]),
    ]
}

let package = Package(
    name: "swift-xen",
    targets: targets,
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
