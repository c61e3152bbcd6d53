// SPDX-License-Identifier: Apache-2.0

internal import Base
internal import Firmware

/// The words of `cpuid=`: every feature that Xen 4.17 has a name for (arch-x86/cpufeatureset.h), also those that no guest is
/// offered here.
enum CPUFeatureNames {
    /// A word of the feature set each, from bit 0 on; `-` where a bit has no name.
    static var words: InlineArray<19, StaticString> {
        [
            """
            fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 - clflush - ds acpi mmx \
            fxsr sse sse2 ss htt tm1 - pbe
            """,
            """
            sse3 pclmulqdq dtes64 monitor dscpl vmx smx eist tm2 ssse3 - - fma cx16 xtpr pdcm - pcid dca sse4-1 \
            sse4-2 x2apic movbe popcnt tsc-deadline aesni xsave osxsave avx f16c rdrand hypervisor
            """,
            """
            - - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - ffxsr page1gb rdtscp - lm 3dnowext \
            3dnow
            """,
            """
            lahf-lm cmp-legacy svm extapic cr8-legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit \
            wdt - lwp fma4 - - nodeid-msr - tbm topoext - - - dbext - - monitorx
            """,
            "xsaveopt xsavec xgetbv1 xsaves",
            """
            fsgsbase tsc-adjust sgx bmi1 hle avx2 fdp-excp-only smep bmi2 erms invpcid rtm pqm no-fpu-sel mpx \
            pqe avx512f avx512dq rdseed adx smap avx512-ifma - clflushopt clwb proc-trace avx512pf avx512er \
            avx512cd sha avx512bw avx512vl
            """,
            """
            prefetchwt1 avx512-vbmi umip pku ospke - avx512-vbmi2 cet-ss gfni vaes vpclmulqdq avx512-vnni \
            avx512-bitalg - avx512-vpopcntdq - - - - - - - rdpid - - cldemote - movdiri movdir64b enqcmd
            """,
            "- - - - - - - hw-pstate itsc cpb efro",
            """
            clzero - rstr-fp-err-ptrs - - - - - - wbnoinvd - - ibpb - ibrs amd-stibp ibrs-always stibp-always \
            ibrs-fast ibrs-same-mode no-lmsl - - amd-ppin amd-ssbd virt-ssbd ssb-no - psfd btc-no ibpb-ret
            """,
            """
            - - avx512-4vnniw avx512-4fmaps fsrm - - - avx512-vp2intersect srbds-ctrl md-clear rtm-always-abort \
            - tsx-force-abort serialize hybrid tsxldtrk - - - cet-ibt - - avx512-fp16 - - ibrsb stibp l1d-flush \
            arch-caps core-caps ssbd
            """,
            "- - - - avx-vnni avx512-bf16 - - - - fzrm fsrs fsrcs",
            """
            - - lfence-dispatch - - verw-clear nscb - auto-ibrs - - - - - - - - - - - - - - - - - - sbpb \
            ibpb-brtype srso-no srso-us-no srso-msr-fix
            """,
            "intel-ppin",
            "intel-psfd ipred-ctrl rrsba-ctrl - bhi-ctrl mcdt-no",
            "",
            "- - - - - - - - - - - - - - - - - - cet-sss",
            """
            rdcl-no eibrs rsba skip-l1dfl intel-ssb-no mds-no if-pschange-mc-no tsx-ctrl taa-no mcu-ctrl \
            misc-pkg-ctrl energy-filtering doitm sbdr-ssdp-no fbsdp-no psdp-no - fb-clear fb-clear-ctrl rrsba \
            bhi-no xapic-status - ovrclk-status pbrsb-no gds-ctrl gds-no rfds-no rfds-clear - - -
            """,
            "- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - its-no",
            "- tsa-sq-no tsa-l1-no",
        ]
    }

    /// The number of the feature that `name` says, `_` standing for `-` too; nil where Xen knows none.
    static func number(_ name: Span<UInt8>) -> UInt16? {
        let words = words
        for word in words.indices {
            var rest = OptionText(words[word].bytes)
            var bit: UInt16 = 0
            while !rest.isAtEnd {
                if isSame(rest.piece(" "), name) { return UInt16(word) << 5 | bit }
                _ = rest.skip(" ")
                bit += 1
            }
        }
        return nil
    }

    private static func isSame(_ known: Span<UInt8>, _ name: Span<UInt8>) -> Bool {
        guard known.count == name.count, !known.equals("-") else { return false }
        for index in known.indices {
            let byte = name[index] == UInt8(ascii: "_") ? UInt8(ascii: "-") : name[index]
            if byte != known[index] { return false }
        }
        return true
    }
}

extension CPUFeatureSet {
    /// Takes away what `cpuid=` asks for: a list of `no-<feature>` or `<feature>=<boolean>`; what is asked for has no effect, for
    /// it is there already where the processor has it. False where a part of it is no feature, which the others do not mind.
    ///
    /// Xen: parse_xen_cpuid
    public mutating func hide(_ list: Span<UInt8>) -> Bool {
        var rest = OptionText(list)
        var isGood = true
        repeat {
            if !hideOne(rest.piece(",")) { isGood = false }
        } while rest.skip(",")
        return isGood
    }

    private mutating func hideOne(_ text: Span<UInt8>) -> Bool {
        let isNegated = text.hasPrefix("no-")
        let equals = text.firstIndex(of: UInt8(ascii: "="))
        let start = isNegated ? 3 : 0
        guard let number = CPUFeatureNames.number(text.slice(from: start, count: (equals ?? text.count) - start)) else {
            return false
        }
        var isWanted = !isNegated
        if let equals {
            guard !isNegated, let value = OptionText.boolean(text.slice(from: equals + 1)) else { return false }
            isWanted = value
        }
        if !isWanted, Int(number >> 5) < Self.count { self[Int(number >> 5)] &= ~(1 << UInt32(number & 31)) }
        return true
    }
}
