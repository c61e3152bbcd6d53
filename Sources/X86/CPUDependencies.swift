// SPDX-License-Identifier: Apache-2.0

/// Features that others need, or that need others: a word of `CPUFeatureSet` in bits 5 and up, a bit of it in 0-4 (Xen:
/// arch-x86/cpufeatureset.h).
public enum CPUFeature: UInt16, Sendable {
    case fpu = 0, pse = 3, tsc = 4, pae = 6, apic = 9, pse36 = 17, mmx = 23, fxsr = 24, sse = 25, sse2 = 26
    case sse3 = 32, pclmulqdq = 33, ssse3 = 41, fma = 44, cx16 = 45, pcid = 49, sse41 = 51, sse42 = 52, x2apic = 53,
        tscDeadline = 56, aesni = 57, xsave = 58, avx = 60, f16c = 61
    case nx = 84, mmxext = 86, ffxsr = 89, page1gb = 90, rdtscp = 91, lm = 93, x3dnowext = 94, x3dnow = 95
    case lahfLm = 96, extapic = 99, sse4a = 102, misalignsse = 103, xop = 107, lwp = 111, fma4 = 112
    case xsaveopt = 128, xsavec = 129, xgetbv1 = 130, xsaves = 131
    case tscAdjust = 161, avx2 = 165, rtm = 171, mpx = 174, avx512f = 176, avx512dq = 177, smap = 180,
        avx512Ifma = 181, avx512pf = 186, avx512er = 187, avx512cd = 188, sha = 189, avx512bw = 190, avx512vl = 191
    case avx512Vbmi = 193, pku = 195, avx512Vbmi2 = 198, gfni = 200, vaes = 201, vpclmulqdq = 202, avx512Vnni = 203,
        avx512Bitalg = 204, avx512Vpopcntdq = 206
    case itsc = 232
    case rstrFpErrPtrs = 258, ibpb = 268, ibrs = 270, amdStibp = 271, ibrsAlways = 272, stibpAlways = 273,
        ibrsFast = 274, ibrsSameMode = 275, noLmsl = 276, amdSsbd = 280, psfd = 284, ibpbRet = 286, ibpbBrtype = 380
    case avx5124vnniw = 290, avx5124fmaps = 291, avx512Vp2intersect = 296, tsxldtrk = 304, avx512Fp16 = 311,
        ibrsb = 314, stibp = 315, ssbd = 319

    var word: Int { Int(rawValue >> 5) }
    var mask: UInt32 { 1 << UInt32(rawValue & 31) }
}

/// Which feature is built on which: the first of a pair is needed by the second (Intel SDM 1, chapters 10-16; AMD APM 3, appendix
/// D; the pairs are those that Xen takes to hold: tools/gen-cpuid.py).
enum CPUDependencies {
    static var pairs: InlineArray<82, (needed: CPUFeature, by: CPUFeature)> {
        [
            (.fpu, .mmx), (.fpu, .rstrFpErrPtrs),
            (.pse, .pse36),
            (.pae, .lm), (.pae, .nx),
            (.tsc, .tscDeadline), (.tsc, .rdtscp), (.tsc, .tscAdjust), (.tsc, .itsc),
            (.apic, .x2apic), (.apic, .tscDeadline), (.apic, .extapic),
            (.mmx, .mmxext), (.mmx, .x3dnow),
            (.fxsr, .ffxsr), (.fxsr, .sse),
            (.sse, .sse2), (.sse, .misalignsse),
            (.sse2, .sse3), (.sse2, .lm), (.sse2, .aesni), (.sse2, .pclmulqdq), (.sse2, .sha), (.sse2, .gfni),
            (.sse3, .ssse3), (.sse3, .sse4a),
            (.ssse3, .sse41),
            (.sse41, .sse42),
            (.xsave, .xsaveopt), (.xsave, .xsavec), (.xsave, .xgetbv1), (.xsave, .xsaves), (.xsave, .avx), (.xsave, .mpx),
            (.xsave, .pku), (.xsave, .lwp),
            (.avx, .fma), (.avx, .fma4), (.avx, .f16c), (.avx, .avx2), (.avx, .xop),
            (.nx, .smap),
            (.lm, .cx16), (.lm, .pcid), (.lm, .lahfLm), (.lm, .page1gb), (.lm, .pku), (.lm, .noLmsl),
            (.x3dnow, .x3dnowext),
            (.avx2, .avx512f), (.avx2, .vaes), (.avx2, .vpclmulqdq),
            (.avx512f, .avx512dq), (.avx512f, .avx512Ifma), (.avx512f, .avx512pf), (.avx512f, .avx512er),
            (.avx512f, .avx512cd), (.avx512f, .avx512bw), (.avx512f, .avx512vl), (.avx512f, .avx5124vnniw),
            (.avx512f, .avx5124fmaps), (.avx512f, .avx512Vnni), (.avx512f, .avx512Vpopcntdq),
            (.avx512f, .avx512Vp2intersect),
            (.avx512bw, .avx512Vbmi), (.avx512bw, .avx512Vbmi2), (.avx512bw, .avx512Bitalg), (.avx512bw, .avx512Fp16),
            (.pclmulqdq, .vpclmulqdq),
            (.aesni, .vaes),
            (.ibrsb, .stibp), (.ibrsb, .ssbd),
            (.ibrs, .amdStibp), (.ibrs, .amdSsbd), (.ibrs, .psfd), (.ibrs, .ibrsAlways), (.ibrs, .ibrsFast),
            (.ibrs, .ibrsSameMode),
            (.ibpb, .ibpbRet), (.ibpb, .ibpbBrtype),
            (.amdStibp, .stibpAlways),
            (.rtm, .tsxldtrk),
        ]
    }
}
