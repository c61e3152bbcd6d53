// SPDX-License-Identifier: Apache-2.0

import Base
import Testing

@testable import Firmware

/// `spec-ctrl=`, the words of Xen 4.17's documentation.
@Suite struct SpeculationWordsTests {
    private func read(_ line: String, isX86: Bool = true) -> (options: HypervisorOptions, isGood: Bool) {
        let bytes = Array(line.utf8)
        var isGood = true
        let options = HypervisorOptions(CommandLine(bytes.span), isX86: isX86) { problem, word in
            isGood = isGood && !(problem == .invalid && String(word.name).hasSuffix("spec-ctrl"))
        }
        return (options, isGood)
    }

    private func words(_ change: (inout SpeculationWords) -> Void) -> SpeculationWords {
        var words = SpeculationWords()
        change(&words)
        return words
    }

    @Test func nothingIsSaid() { #expect(read("").options.speculation == SpeculationWords()) }

    /// Each word for itself.
    @Test func single() {
        let table: [(String, (inout SpeculationWords) -> Void)] = [
            ("msr-sc=0", { $0.offersControl = false }), ("no-msr-sc", { $0.offersControl = false }),
            ("msr-sc=no-hvm", { $0.offersControl = false }), ("msr-sc=no-pv", { _ in }), ("msr-sc", { _ in }),
            ("rsb=no", { $0.fillsReturns = false }), ("rsb=hvm=0", { $0.fillsReturns = false }), ("rsb=pv=0", { _ in }),
            ("verw", { $0.clearsBuffers = true }), ("verw=no-hvm", { $0.clearsBuffers = false }),
            ("md-clear=no", { $0.clearsBuffers = false }), ("md-clear=hvm", { $0.clearsBuffers = true }),
            ("ibpb-entry", { ($0.barrierOnExit, $0.barrierOnDom0Exit) = (true, true) }),
            ("ibpb-entry=hvm", { $0.barrierOnExit = true }), ("ibpb-entry=pv", { _ in }),
            ("no-ibpb-entry", { ($0.barrierOnExit, $0.barrierOnDom0Exit) = (false, false) }),
            ("ibpb=0", { $0.barrierOnSwitch = false }), ("ibpb", { $0.barrierOnSwitch = true }),
            ("ibrs=off", { $0.ibrs = false }), ("no-stibp", { $0.stibp = false }), ("ssbd", { $0.ssbd = true }),
            ("psfd=true", { $0.psfd = true }), ("div-scrub=0", { $0.scrubsDivider = false }),
            ("rsb", { $0.fillsReturns = true }), ("rsb=hvm", { $0.fillsReturns = true }),
            ("no-bp-spec-reduce", { $0.reducesPrediction = false }),
            ("hvm", { ($0.clearsBuffers, $0.barrierOnExit, $0.fillsReturns) = (true, true, true) }), ("no-pv", { _ in }),
            ("no-hvm", { ($0.offersControl, $0.fillsReturns, $0.clearsBuffers, $0.barrierOnExit) = (false, false, false, false) }),
        ]
        for (text, change) in table {
            let (options, isGood) = read("spec-ctrl=\(text)")
            #expect(isGood && options.speculation == words(change), "\(text)")
        }
    }

    /// The rest that Xen has.
    @Test(arguments: [
        "bti-thunk=retpoline", "bti-thunk=lfence", "bti-thunk=jmp", "bhb-seq=short", "bhb-seq=tsx", "bhb-seq=long", "eager-fpu=0",
        "no-l1d-flush", "branch-harden", "srb-lock=off", "unpriv-mmio", "gds-mit=1", "lock-harden", "bhi-dis-s=no", "no-bhb-entry",
        "bhb-entry=hvm",
    ])
    func withoutEffect(text: String) {
        let (options, isGood) = read("spec-ctrl=\(text)")
        #expect(isGood && options.speculation == SpeculationWords())
    }

    @Test func everythingOff() {
        let own = words {
            $0.fillsReturns = false
            ($0.clearsBuffers, $0.barrierOnExit, $0.barrierOnSwitch) = (false, false, false)
            ($0.ibrs, $0.scrubsDivider, $0.reducesPrediction) = (false, false, false)
        }
        var all = own
        all.offersControl = false
        for text in ["spec-ctrl=no", "spec-ctrl=0", "no-spec-ctrl", "spec-ctrl=off", "spec-ctrl=xen=0,no"] {
            let (options, isGood) = read(text)
            #expect(isGood && options.speculation == all, "\(text)")
        }
        for text in ["spec-ctrl=no-xen", "spec-ctrl=xen=off"] { #expect(read(text) == (own, true), "\(text)") }
        // In their order.
        var later = all
        later.ssbd = true
        #expect(read("spec-ctrl=no,ssbd").options.speculation == later)
        #expect(read("spec-ctrl=ssbd,no").options.speculation == all)
        #expect(read("spec-ctrl=ssbd spec-ctrl=no").options.speculation == all)
    }

    /// What can be read counts; the rest is told of, as in Xen.
    @Test(arguments: [
        "", "yes", "1", "xen", "xen=1", "nonsense", "rsb=maybe", "msr-sc=both", "ibrs=2", "ssbd=force-disable", "no-ibrs=1", "verw=",
        "bti-thunk=", "bti-thunk=none", "bhb-seq=medium", "no-bti-thunk", "PV", "ibpb-entry=hvm=2",
    ])
    func malformed(text: String) {
        let (options, isGood) = read("spec-ctrl=ssbd,\(text),psfd")
        #expect(!isGood && options.speculation == words { ($0.ssbd, $0.psfd) = (true, true) })
        #expect(!read("spec-ctrl=\(text)").isGood)
    }

    @Test func withoutAList() {
        #expect(!read("spec-ctrl").isGood && !read("no-spec-ctrl=rsb").isGood)
        #expect(!read("spec-ctrl", isX86: false).isGood && !read("no-spec-ctrl", isX86: false).isGood)
    }

    @Test(arguments: [
        ("", .runtime, true), ("spec-ctrl=ssbd=force-disable", .forceDisable, true), ("spec-ctrl=ssbd=runtime", .runtime, true),
        ("spec-ctrl=ssbd=force-enable", .forceEnable, true), ("spec-ctrl=no", .runtime, false), ("spec-ctrl=ssbd", .runtime, false),
        ("spec-ctrl=ssbd=force-enable,ibrs", .forceEnable, false), ("spec-ctrl=ssbd=on", .runtime, false),
        ("spec-ctrl=ssbd=force-enable,ssbd=force-disable", .forceDisable, true),
    ] as [(String, StoreBypassWord, Bool)])
    func storeBypass(line: String, word: StoreBypassWord, isGood: Bool) {
        let result = read(line, isX86: false)
        #expect(result.options.storeBypass == word && result.isGood == isGood)
        #expect(result.options.speculation == SpeculationWords())
    }
}

private func == (a: (options: HypervisorOptions, isGood: Bool), b: (SpeculationWords, Bool)) -> Bool {
    a.options.speculation == b.0 && a.isGood == b.1
}
