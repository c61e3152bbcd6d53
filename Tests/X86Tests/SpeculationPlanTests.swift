// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

@testable import X86

@Suite struct SpeculationPlanTests {
    /// What is done around guests of each generation, dom0's and others'.
    @Test func aroundGuests() {
        let table: [(String, SpeculationFacts, String, guest: SwitchGuard, dom0: SwitchGuard)] = [
            ("Bulldozer", bulldozer, "", [.returns, .barrier], .returns),
            ("Zen 1", zen1, "", [.divide, .returns, .barrier], [.divide, .returns]),
            ("Zen 2", zen2, "", [.control, .returns, .barrier], [.control, .returns]),
            ("Zen 3", zen3, "", [.control, .verw, .returns, .barrier], [.control, .verw, .returns]),
            ("Zen 5", zen5, "", [.control, .returns], [.control, .returns]),
            ("Zen 5", zen5, "no-bp-spec-reduce", [.control, .returns, .barrier], [.control, .returns]),
            ("emulated", emulated, "", [], []),
            ("emulated", emulated, "rsb,verw,div-scrub", [.divide, .verw, .returns], [.divide, .verw, .returns]),
            ("emulated", emulated, "ibpb-entry,msr-sc", [], []),
            ("Zen 3", zen3, "no", [], []), ("Zen 3", zen3, "no-xen", .control, .control), ("Zen 3", zen3, "no-hvm", [], []),
            ("Zen 1", zen1, "div-scrub=0,rsb=no-hvm", .barrier, []),
            ("Zen 2", zen2, "ibpb-entry", [.control, .returns, .barrier], [.control, .returns, .barrier]),
            ("Zen 2", zen2, "ibpb-entry=no-hvm,msr-sc=0", .returns, .returns),
            ("of another maker", SpeculationFacts(), "", [], []),
        ]
        for (name, facts, list, guest, dom0) in table {
            let plan = SpeculationPlan(facts, words(list))
            #expect(plan.guards(isDom0: false) == guest && plan.guards(isDom0: true) == dom0, "\(name) \(list)")
        }
    }

    /// A processor alone on its core does not need the barrier against return stack overflow, and Zen 3 with old microcode has none that helps.
    @Test func returnStackOverflow() {
        let branches: [SpeculationFacts.BranchHint] = [.ibpb, .ibrs, .stibp, .noTypeConfusion]
        func hasBarrier(_ facts: SpeculationFacts) -> Bool { SpeculationPlan(facts, SpeculationWords()).guards(isDom0: false).contains(.barrier) }
        #expect(!hasBarrier(processor(0x17, branches, threads: false)) && hasBarrier(processor(0x17, branches)))
        #expect(!hasBarrier(processor(0x19, branches)) && hasBarrier(processor(0x19, branches, [.ibpbTypes], threads: false)))
        #expect(!hasBarrier(processor(0x19, branches, [.ibpbTypes, .noReturnOverflow])))
        #expect(!hasBarrier(processor(0x19, [.ibrs], [.ibpbTypes])), "no IBPB")
    }

    @Test func control() {
        let (ibrs, stibp, ssbd, psfd) = (SpeculationControl.ibrs, SpeculationControl.stibp, SpeculationControl.ssbd, SpeculationControl.psfd)
        let table: [(SpeculationFacts, String, host: UInt32, forced: UInt32)] = [
            (zen1, "", 0, 0), (zen1, "ssbd,ibrs", 0, 0), (zen2, "", ibrs | stibp, 0), (zen2, "ssbd", ibrs | stibp | ssbd, ssbd),
            (zen3, "ssbd", ibrs | stibp | ssbd | psfd, ssbd), (zen3, "psfd", ibrs | stibp | psfd, 0),
            (zen3, "ssbd,psfd=0,ibrs=0,stibp=0", ssbd, ssbd), (zen3, "no", stibp, 0), (emulated, "ssbd", 0, 0),
        ]
        for (facts, list, host, forced) in table {
            let plan = SpeculationPlan(facts, words(list))
            #expect(plan.hostControl == host && plan.forcedControl == forced, "\(list)")
        }
        #expect(!SpeculationPlan(zen1, SpeculationWords()).offersControl && !SpeculationPlan(emulated, SpeculationWords()).hasControl)
    }

    /// The processor keeps it in the control block where it says so; by hand where not; not at all where the command line does not want it.
    @Test func whoKeepsTheGuests() {
        var facts = zen3
        #expect(SpeculationPlan(facts, SpeculationWords()).offersControl && !SpeculationPlan(facts, SpeculationWords()).virtualisesControl)
        facts.virtualisation = 1 << 20
        #expect(SpeculationPlan(facts, SpeculationWords()).virtualisesControl)
        #expect(!SpeculationPlan(facts, words("msr-sc=0")).virtualisesControl && !SpeculationPlan(facts, words("msr-sc=0")).offersControl)
    }

    /// Reserved bits of a guest's SPEC_CTRL: those that it was not offered.
    @Test func reservedBits() {
        let plan = SpeculationPlan(zen3, SpeculationWords())
        var offered = CPUFeatureSet()
        for feature: CPUFeature in [.ibrs, .amdStibp, .amdSsbd, .psfd] { offered[feature.word] |= feature.mask }
        for value in [0, 1, 2, 4, 0x80, 0x87] as [UInt64] { #expect(plan.allowsControl(value, offered: offered)) }
        for value in [8, 0x10, 0x40, 0x100, 1 << 32, .max] as [UInt64] { #expect(!plan.allowsControl(value, offered: offered)) }
        offered.remove(.psfd)
        #expect(!plan.allowsControl(0x80, offered: offered) && plan.allowsControl(7, offered: offered))
        #expect(!SpeculationPlan(zen1, SpeculationWords()).allowsControl(0, offered: offered))
        #expect(!SpeculationPlan(zen3, words("msr-sc=0")).allowsControl(0, offered: offered))
    }

    @Test func barriersBetweenGuests() {
        for (facts, list, barrier, fills) in [
            (zen1, "", true, false), (zen1, "rsb=0", true, true), (zen5, "rsb=0", true, false), (zen1, "ibpb=0", false, false),
            (emulated, "", false, false), (processor(0x17, [.ibpb], virtualised: true), "", true, true), (zen1, "no", false, false),
        ] as [(SpeculationFacts, String, Bool, Bool)] {
            let plan = SpeculationPlan(facts, words(list))
            #expect(plan.barrierOnSwitch == barrier && plan.fillsReturnsOnSwitch == fills, "\(list)")
        }
    }

    /// Which processors' VERW clears what transient scheduler attacks read.
    @Test func transientSchedulerAttacks() {
        func clears(_ microcode: UInt32, virtualised: Bool = false, family: UInt32 = 0x19, scheduler: UInt32 = 0, hint: Bool = false) -> Bool {
            var facts = processor(family, [], hint ? [.verwClears] : [], microcode: microcode, virtualised: virtualised)
            facts.scheduler = scheduler
            return SpeculationPlan(facts, SpeculationWords()).guards(isDom0: false).contains(.verw)
        }
        #expect(clears(0x0a00_11d7) && clears(0x0a00_11ff) && !clears(0x0a00_11d6) && !clears(0x0a00_1000) && !clears(0))
        #expect(!clears(0x0a00_11d7, virtualised: true) && clears(0, virtualised: true, hint: true))
        #expect(!clears(0, scheduler: 1 << 1, hint: true) && !clears(0x0a00_11d7, scheduler: 1 << 2))
        #expect(!clears(0x0a00_11d7, family: 0x17))
        #expect(SpeculationPlan(zen3, SpeculationWords()).clearsBuffersOnIdle)
        var alone = zen3
        alone.hasThreads = false
        #expect(!SpeculationPlan(alone, SpeculationWords()).clearsBuffersOnIdle)
    }

    /// Facts out of CPUID's leaves.
    @Test func facts() {
        struct Leaves: ProcessorIdentification {
            func leaf(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDResult {
                switch leaf {
                case 0: CPUIDResult(eax: 0x10, ebx: 0x6874_7541, ecx: 0x444d_4163, edx: 0x6974_6e65)
                case 1: CPUIDResult(eax: 0xa2_0f12)
                case 0x8000_0000: CPUIDResult(eax: 0x8000_0023)
                case 0x8000_0001: CPUIDResult(ecx: 1 << 2)
                case 0x8000_0008: CPUIDResult(eax: 0x3030, ebx: 0x1100_d000)
                case 0x8000_000a: CPUIDResult(edx: 1 << 20 | 1)
                case 0x8000_001e: CPUIDResult(ebx: 0x100)
                case 0x8000_0021: CPUIDResult(eax: 1 << 2, ecx: 1 << 1)
                default: CPUIDResult()
                }
            }
        }
        let facts = SpeculationFacts(Leaves(), microcode: 0x0a20_1211)
        #expect(facts.isAMD && facts.family == 0x19 && facts.model == 0x21 && facts.stepping == 2 && facts.microcode == 0x0a20_1211)
        #expect(!facts.isVirtualised && facts.hasThreads && facts.has(.lfenceSerialises) && facts.has(.noStoreQueueAttack))
        #expect(facts.has(.ibpb) && facts.has(.ibrs) && facts.has(.stibp) && facts.has(.ssbd) && facts.has(.psfd) && !facts.has(.ibpbReturns))
        #expect(SpeculationPlan(facts, SpeculationWords()).virtualisesControl)
        let other = SpeculationFacts(ListedProcessor(), microcode: 5)
        #expect(!other.isAMD && other.isVirtualised && other.microcode == 0 && SpeculationPlan(other, SpeculationWords()).guards(isDom0: false) == [])
    }
}
