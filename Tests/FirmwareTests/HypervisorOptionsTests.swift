// SPDX-License-Identifier: Apache-2.0

import Base
import Testing

@testable import Firmware

/// A command line's options, and what was said against it.
private func read(_ line: String, isX86: Bool = true) -> (options: HypervisorOptions, problems: [String]) {
    let bytes = Array(line.utf8)
    var problems: [String] = []
    let options = HypervisorOptions(CommandLine(bytes.span), isX86: isX86) { problem, word in
        problems.append("\(problem) \(String(word.name))")
    }
    return (options, problems)
}

@Suite struct HypervisorOptionsTests {
    /// `noreboot=0` once halted instead of rebooting.
    @Test(arguments: [
        ("noreboot", true), ("no-noreboot", false), ("noreboot=0", false), ("noreboot=false", false), ("noreboot=off", false),
        ("noreboot=no", false), ("noreboot=disable", false), ("noreboot=1", true), ("noreboot=on", true), ("noreboot=yes", true),
        ("noreboot=true", true), ("noreboot=enable", true), ("noreboot=", true), ("no-noreboot=no", true),
        ("noreboot noreboot=0", false), ("noreboot=0 noreboot", true), ("", false),
    ])
    func booleans(line: String, expected: Bool) {
        let (options, problems) = read(line)
        #expect(options.noReboot == expected && problems == [])
        for (name, flag) in [
            ("sync_console", \HypervisorOptions.isConsoleSynchronous), ("console_to_ring", \HypervisorOptions.keepsGuestOutput),
        ] {
            #expect(read(line.replacing("noreboot", with: name)).options[keyPath: flag] == expected)
        }
        let other = read(line.replacing("noreboot", with: "x2apic"))
        #expect(other.options.usesX2APIC == (line.isEmpty ? true : expected))
    }

    @Test func aValueThatIsNoneLeavesTheOption() {
        let (options, problems) = read("noreboot noreboot=maybe x2apic=2 maxcpus=4 maxcpus=many dom0_max_vcpus=8-2 loglvl=loud iommu")
        #expect(options.noReboot && options.usesX2APIC && options.maximumCPUs == 4 && options.dom0MaximumVCPUs == nil)
        #expect(problems == [
            "invalid noreboot", "invalid x2apic", "invalid maxcpus", "invalid dom0_max_vcpus", "invalid loglvl",
        ])
    }

    /// Words that Debian's and Qubes' boot entries have, and others that Xen has for this ISA.
    @Test func wordsThatXenKnows() {
        let words = """
            placeholder crashkernel=256M ucode=scan watchdog watchdog_timeout=10 spec-ctrl=no smt=off dom0_vcpus_pin no-real-mode \
            edd=off cpuidle=0 no-cpuidle ivrs_ioapic[4]=00:14.0 ivrs_hpet[0]=00:14.0 ept=exec-sp gnttab_max_frames=2048 \
            sched-gran=core xpti=dom0=false vga=,keep acpi=force mtrr.show cpuid=no-avx dom0=pvh
            """
        #expect(read(words).problems == [])
        #expect(read("dtuart=serial0 vwfi=native serrors=panic", isX86: false).problems == [])
        #expect(read("dtuart=serial0 ivrs_ioapic=1 ivrs_hpe[0]=1 no_such_word=1 no-such real placeholde").problems == [
            "unknown dtuart", "unknown ivrs_ioapic", "unknown ivrs_hpe[0]", "unknown no_such_word", "unknown no-such", "unknown real",
            "unknown placeholde",
        ])
        #expect(read("ucode=scan =1 \"\"", isX86: false).problems == ["unknown ucode", "unknown ", "unknown \"\""])
    }

    @Test func noNameStandsTwice() {
        for lists in [[KnownOptions.common, KnownOptions.x86], [KnownOptions.common, KnownOptions.arm]] {
            let names = lists.flatMap { "\($0)".split(separator: " ") }
            #expect(Set(names).count == names.count)
        }
    }

    @Test(arguments: [
        ("none", 0), ("error", 1), ("warning", 2), ("info", 3), ("debug", 4), ("all", 4), ("error/info", 3), ("all/none", 4),
    ] as [(String, UInt8)])
    func levels(text: String, expected: UInt8) {
        let (options, problems) = read("loglvl=\(text) guest_loglvl=\(text)")
        #expect(options.logLevels == expected && options.guestLogLevels == expected && problems == [])
    }

    @Test(arguments: [
        ("console_timestamps", .date), ("no-console_timestamps", .none), ("console_timestamps=boot", .boot),
        ("console_timestamps=raw", .raw), ("console_timestamps=datems", .dateMilliseconds), ("console_timestamps=yes", .date),
        ("console_timestamps=0", .none), ("console_timestamps=boot console_timestamps=none", .none), ("", .none),
    ] as [(String, LogTimestamps)])
    func timestamps(line: String, expected: LogTimestamps) {
        #expect(read(line).options.timestamps == expected && read(line).problems == [])
    }

    @Test(arguments: [
        ("", true, true), ("iommu=0", false, true), ("no-iommu", false, true), ("iommu=verbose,no-intremap", true, false),
        ("iommu=off,force", true, true), ("iommu=no-intremap,intremap", true, true), ("iommu=debug,intremap=off", true, false),
    ])
    func iommu(line: String, isUsed: Bool, remaps: Bool) {
        let (options, problems) = read(line)
        #expect(options.usesIOMMU == isUsed && options.remapsInterrupts == remaps && problems == [])
    }

    @Test(arguments: [
        ("", false), ("vga=keep", true), ("vga=text-80x25,keep", true), ("vga=,keep", true), ("vga=current", false),
        ("vga=keep vga=ask", false), ("vga=keeps", false),
    ])
    func screen(line: String, keeps: Bool) {
        #expect(read(line).options.keepsScreen == keeps && read(line).problems == [])
    }

    @Test(arguments: [
        ("4", 4...4), ("2-", 2...(.max)), ("-8", 1...8), ("2-8", 2...8), ("0", 1...1),
    ] as [(String, ClosedRange<UInt64>)])
    func dom0VCPUs(text: String, expected: ClosedRange<UInt64>) {
        #expect(read("dom0_max_vcpus=\(text)").options.dom0MaximumVCPUs == expected)
    }

    @Test func processors() {
        #expect(read("").options.maximumCPUs == 256 && read("maxcpus=0").options.maximumCPUs == 1)
        #expect(read("maxcpus=0x10").options.maximumCPUs == 16 && read("nosmp").options.maximumCPUs == 1)
    }
}

/// `dom0_mem`, in every form that Xen 4.17 has.
@Suite struct Dom0MemoryTests {
    @Test(arguments: [
        // words, MiB available, MiB at first, most MiB
        ("dom0_mem=512M", 4096, 512, nil), ("dom0_mem=8G", 4096, 4096, nil), ("dom0_mem=512M,max:1G", 4096, 512, 1024),
        ("dom0_mem=2G,max:1G", 4096, 1024, 1024), ("dom0_mem=min:1G,512M", 4096, 1024, nil),
        ("dom0_mem=min:2G,max:1G,512M", 4096, 1024, 1024), ("dom0_mem=50%", 4096, 2048, nil),
        ("dom0_mem=1G+25%", 4096, 2048, nil), ("dom0_mem=-1G", 4096, 3072, nil), ("dom0_mem=max:1G", 1024, 960, 1024),
        ("dom0_mem=max:90%", 1000, 900, 900), ("dom0_mem=min:64M", 8192, 8064, nil),
        // More than there is taken away: no limit (the difference wraps around in Xen). Nothing: as without a word.
        ("dom0_mem=-8G", 4096, 4096, nil), ("dom0_mem=max:-8G", 4096, 3968, nil), ("dom0_mem=0", 4096, 3968, nil),
        // Words gather, and of each part the last one counts.
        ("dom0_mem=512M dom0_mem=max:1024M", 4096, 512, 1024), ("dom0_mem=max:1G dom0_mem=512M", 4096, 512, 1024),
        ("dom0_mem=512M dom0_mem=768M", 4096, 768, nil), ("dom0_mem=min:1G dom0_mem=512M dom0_mem=min:256M", 4096, 512, nil),
        // What stands before the part that cannot be read counts.
        ("dom0_mem=512M,max:what", 4096, 512, nil), ("dom0_mem=512M dom0_mem=nonsense", 4096, 512, nil),
    ] as [(String, UInt64, UInt64, UInt64?)])
    func amounts(line: String, available: UInt64, initial: UInt64, maximum: UInt64?) throws {
        let memory = try #require(read(line).options.dom0Memory)
        #expect(memory.bytes(available: available << 20) == initial << 20)
        let most = memory.maximumBytes(available: available << 20)
        #expect((most == .max ? nil : most) == maximum.map { $0 << 20 })
    }

    @Test(arguments: ["", "M", "1G,", "max:", "100%", "1G+1G", "5%+1G", "1G+5%+1G", "1G max", "mid:1G", "+5%", "1G;2G"])
    func malformed(text: String) {
        #expect(read("dom0_mem=\"\(text)\"").problems == ["invalid dom0_mem"])
    }
}

@Suite struct ConsoleListTests {
    @Test(arguments: [
        ("com1,vga", [.com(0, .none), .vga]), ("com2", [.com(1, .none)]), ("com1H,com2L", [.com(0, .high), .com(1, .low)]),
        ("dtuart", [.deviceTree(.none)]), ("dtuartH", [.deviceTree(.high)]), ("none", [.nothing]), ("xen", [.debugPort]),
        ("", []), (",,", []), ("com3,hvc0,ehci", [.other, .other, .other]), ("H", [.other]), ("com1X,", [.other]),
    ] as [(String, [ConsoleList.Name])])
    func names(text: String, expected: [ConsoleList.Name]) {
        let bytes = Array(text.utf8)
        var list = ConsoleList(bytes.span)
        var found: [ConsoleList.Name] = []
        while let name = list.next() { found.append(name) }
        #expect(found == expected)
    }
}
