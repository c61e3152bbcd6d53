// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import X86

/// A processor that has the given features, and the states of XCR0 that go with them.
struct ListedProcessor: ProcessorIdentification {
    var features = CPUFeatureSet.all
    var states: UInt32 = 7
    func leaf(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDResult {
        switch (leaf, subleaf) {
        case (0, _): CPUIDResult(eax: 0x10)
        case (1, _): CPUIDResult(eax: 0x80_0f12, ecx: features.basicECX, edx: features.basicEDX)
        case (7, _):
            CPUIDResult(ebx: features.structuredEBX, ecx: features.structuredECX, edx: features.structuredEDX)
        case (0xd, 0): CPUIDResult(eax: states, ebx: 832, ecx: 832)
        case (0xd, 1): CPUIDResult(eax: features.saveEAX)
        case (0xd, 2): CPUIDResult(eax: 256, ebx: 576)
        case (0x8000_0000, _): CPUIDResult(eax: 0x8000_001f)
        case (0x8000_0001, _): CPUIDResult(ecx: features.extendedECX, edx: features.extendedEDX)
        case (0x8000_0007, _): CPUIDResult(edx: features.powerEDX)
        case (0x8000_0008, _): CPUIDResult(eax: 0x3028, ebx: features.sizesEBX)
        default: CPUIDResult()
        }
    }
}

@Suite struct CPUFeatureTests {
    static func policy(_ host: ListedProcessor, _ words: String = "") -> CPUIDPolicy {
        var allowed = CPUFeatureSet.all
        if !words.isEmpty { _ = allowed.hide(Array(words.utf8).span) }
        return CPUIDPolicy(tscKilohertz: 1, host: host, allowed: allowed)
    }
    static func answer(_ policy: CPUIDPolicy, _ host: ListedProcessor, _ leaf: UInt32, _ subleaf: UInt32 = 0) -> CPUIDResult {
        policy.answer(
            leaf, subleaf, to: .init(vcpu: 0, vcpus: 1, domain: 0, cr4: 1 << 18, extendedControl: 7, mapsDMA: false), host: host)
    }
    static func isClosed(_ set: CPUFeatureSet) -> Bool {
        let pairs = CPUDependencies.pairs
        for index in pairs.indices where set.has(pairs[index].by) && !set.has(pairs[index].needed) { return false }
        return true
    }
    static func isSubset(_ a: CPUFeatureSet, of b: CPUFeatureSet) -> Bool { a.intersection(b) == a }

    /// What it needs goes, and with it what needs that: `-cpu EPYC,-xsave`.
    @Test func withoutXSAVE() {
        var set = CPUFeatureSet.all
        set.remove(.xsave)
        set.close()
        let gone: [CPUFeature] = [
            .avx, .avx2, .fma, .fma4, .f16c, .xop, .vaes, .vpclmulqdq, .avx512f, .avx512bw, .avx512Vbmi, .xsaveopt, .xsavec,
            .xgetbv1, .xsaves, .pku, .lwp, .mpx,
        ]
        for feature in gone { #expect(!set.has(feature), "\(feature)") }
        for feature: CPUFeature in [.sse42, .aesni, .pclmulqdq, .sha, .lm, .nx] { #expect(set.has(feature), "\(feature)") }
    }

    @Test(arguments: [true, false]) func theGuestOfAProcessorWithoutXSAVE(byWord: Bool) {
        var host = ListedProcessor()
        if !byWord { host.features.remove(.xsave) }
        let policy = Self.policy(host, byWord ? "no-xsave" : "")
        let one = Self.answer(policy, host, 1)
        #expect(one.ecx & (1 << 12 | 1 << 26 | 1 << 27 | 1 << 28 | 1 << 29) == 0, "FMA XSAVE OSXSAVE AVX F16C")
        #expect(one.ecx >> 25 & 1 == 1 && one.ecx >> 20 & 1 == 1, "AES, SSE4.2")
        #expect(Self.answer(policy, host, 7).ebx >> 5 & 1 == 0 && Self.answer(policy, host, 7).ebx >> 29 & 1 == 1, "AVX2, SHA")
        for subleaf in 0..<4 as Range<UInt32> { #expect(Self.answer(policy, host, 0xd, subleaf) == CPUIDResult()) }
        #expect(policy.controls.extendedStates == 0 && policy.controls.cr4 >> 18 & 1 == 0)
        let all = Self.policy(ListedProcessor())
        #expect(Self.answer(all, ListedProcessor(), 0xd) == CPUIDResult(eax: 7, ebx: 832, ecx: 832))
        #expect(all.controls.extendedStates == 7 && Self.answer(all, ListedProcessor(), 1).ecx >> 26 & 7 == 7)
    }

    /// XCR0 that cannot hold AVX's registers.
    @Test func withoutTheState() {
        let host = ListedProcessor(states: 3)
        let policy = Self.policy(host)
        #expect(!policy.features.has(.avx) && !policy.features.has(.fma) && policy.features.has(.xsave))
        #expect(Self.answer(policy, host, 0xd) == CPUIDResult(eax: 3, ebx: 576 + 256, ecx: 576))
        #expect(Self.answer(policy, host, 0xd, 2) == CPUIDResult())
    }

    @Test func withoutLongMode() {
        let host = ListedProcessor()
        let policy = Self.policy(host, "no-pae")
        #expect(!policy.features.has(.lm) && !policy.features.has(.nx) && !policy.features.has(.cx16))
        #expect(!policy.features.has(.smap) && !policy.features.has(.page1gb) && !policy.features.has(.lahfLm))
        #expect(Self.answer(policy, host, 0x8000_0008).eax == 0x2028 && Self.answer(policy, host, 0x8000_0001).edx >> 6 & 1 == 0)
        #expect(policy.controls.features & 0xd00 == 0 && policy.controls.cr4 >> 5 & 1 == 0)
    }

    /// For all sets: what is left is a part of it that needs nothing more, it is all of that, and it stays so.
    @Test func closure() {
        let seed = Randomised.seed(run: 0)
        print("CPU features: seed \(seed)")
        var random = SplitMix(state: seed)
        for _ in 0..<300 * Randomised.scale {
            var set = CPUFeatureSet()
            for word in 0..<CPUFeatureSet.count {
                set[word] = UInt32(truncatingIfNeeded: random.next()) | UInt32(truncatingIfNeeded: random.next())
                if random.next() & 1 == 0 { set[word] = .max }
            }
            var closed = set
            closed.close()
            #expect(Self.isSubset(closed, of: set) && Self.isClosed(closed))
            var again = closed
            again.close()
            #expect(again == closed)
            // The largest: whatever was taken away cannot be put back by itself.
            for word in 0..<CPUFeatureSet.count {
                for bit in 0..<32 as Range<UInt32> where (set[word] & ~closed[word]) >> bit & 1 != 0 {
                    var more = closed
                    more[word] |= 1 << bit
                    #expect(!Self.isClosed(more))
                }
            }
            // And so is what a guest is offered.
            let policy = CPUIDPolicy(tscKilohertz: 1, host: ListedProcessor(features: set))
            #expect(Self.isClosed(policy.features))
        }
    }

    @Test func words() {
        func hide(_ text: String) -> (CPUFeatureSet, Bool) {
            var set = CPUFeatureSet.all
            let isGood = set.hide(Array(text.utf8).span)
            return (set, isGood)
        }
        #expect(hide("no-avx").1 && !hide("no-avx").0.has(.avx) && hide("no-avx").0.has(.avx2), "closed later")
        let two = hide("no-sse4_2,aesni=off,no-ssbd,rdrand")
        #expect(two.1 && !two.0.has(.sse42) && !two.0.has(.aesni) && !two.0.has(.ssbd))
        #expect(hide("avx") == (.all, true) && hide("avx=1") == (.all, true) && hide("no-its-no") == (.all, true))
        // Each part for itself.
        for text in ["", "no-", "no-nothing", "-", "no--", "avx=2", "no-avx=1", "AVX", "avx ,x"] {
            #expect(hide(text) == (.all, false), "\(text)")
        }
        let mixed = hide("bogus,no-avx,,no-fma")
        #expect(!mixed.1 && !mixed.0.has(.avx) && !mixed.0.has(.fma))
    }

    /// Of speculation guests are told what is so whoever runs, and are offered SPEC_CTRL's features with SPEC_CTRL alone.
    @Test func speculation() {
        struct Modern: ProcessorIdentification {
            var last: UInt32 = 0x8000_0028
            func leaf(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDResult {
                switch leaf {
                case 0x8000_0000: CPUIDResult(eax: last)
                case 0x8000_0008, 0x8000_0021: CPUIDResult(eax: .max, ebx: .max, ecx: .max, edx: .max)
                default: ListedProcessor().leaf(leaf, subleaf)
                }
            }
        }
        func answer(_ leaf: UInt32, _ policy: CPUIDPolicy, _ host: Modern = Modern()) -> CPUIDResult {
            policy.answer(leaf, 0, to: .init(vcpu: 0, vcpus: 1, domain: 0, cr4: 0, extendedControl: 1, mapsDMA: false), host: host)
        }
        let without = CPUIDPolicy(tscKilohertz: 1, host: Modern())
        let with = CPUIDPolicy(tscKilohertz: 1, host: Modern(), hasControl: true)
        #expect(answer(0x8000_0008, without).ebx == 0x6400_1000 && answer(0x8000_0008, with).ebx == 0x750f_d000)
        #expect(answer(0x8000_0000, with).eax == 0x8000_0021 && answer(0x8000_0021, with) == CPUIDResult(eax: 0x7000_0064, ecx: 6))
        // Without IBPB none of what is said of it; without IBRS none of SPEC_CTRL's other bits.
        func offered(_ words: String) -> CPUIDPolicy {
            var allowed = CPUFeatureSet.all
            _ = allowed.hide(Array(words.utf8).span)
            return CPUIDPolicy(tscKilohertz: 1, host: Modern(), allowed: allowed, hasControl: true)
        }
        #expect(answer(0x8000_0008, offered("no-ibpb")).ebx == 0x350f_c000 && answer(0x8000_0021, offered("no-ibpb")).eax == 0x6000_0064)
        #expect(answer(0x8000_0008, offered("no-ibrs")).ebx == 0x6400_1000 && answer(0x8000_0021, offered("no-srso-no,no-tsa-l1-no")).ecx == 2)
        // What microcode does and CPUID does not say; not where there is no such leaf.
        let old = Modern(last: 0x8000_001f)
        let plain = CPUIDPolicy(tscKilohertz: 1, host: ListedProcessor(), hints: .max)
        #expect(plain.features.hintsEAX == 0 && answer(0x8000_0000, CPUIDPolicy(tscKilohertz: 1, host: old), old).eax == 0x8000_0008)
        #expect(processor(0x19, microcode: 0x0a00_11d7).hints == 1 << 5 && processor(0x19).hints == 0)
    }

    /// The names stand where the numbers say.
    @Test func names() {
        for (name, feature) in [
            ("fpu", .fpu), ("3dnow", .x3dnow), ("sse4-1", .sse41), ("lahf-lm", .lahfLm), ("fma4", .fma4), ("xsaves", .xsaves),
            ("avx512vl", .avx512vl), ("avx512-vpopcntdq", .avx512Vpopcntdq), ("itsc", .itsc), ("ibpb-ret", .ibpbRet),
            ("ssbd", .ssbd), ("avx512-fp16", .avx512Fp16), ("nx", .nx), ("misalignsse", .misalignsse), ("aesni", .aesni),
        ] as [(String, CPUFeature)] {
            #expect(CPUFeatureNames.number(Array(name.utf8).span) == feature.rawValue, "\(name)")
        }
        let last: UInt16? = CPUFeatureNames.number(Array("tsa-l1-no".utf8).span)
        #expect(last == 578)
    }
}
