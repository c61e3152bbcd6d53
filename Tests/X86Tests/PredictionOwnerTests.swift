// SPDX-License-Identifier: Apache-2.0

import Testing
import X86

@Suite struct PredictionOwnerTests {
    /// Every change of who runs is a barrier, and nothing else is.
    @Test func anotherMeansABarrier() {
        var owner = PredictionOwner()
        var answers: [Bool] = []
        for (domain, vcpu) in [(0, 0), (0, 0), (1, 0), (1, 0), (0, 0), (0, 1), (0, 1), (0x7fef, 1)] as [(UInt16, UInt32)] {
            answers.append(owner.mustForget(domain: domain, vcpu: vcpu))
        }
        #expect(answers == [true, false, true, false, true, true, false, true])
    }

    /// A domain that ends gives its number to the next one.
    @Test func aNumberMayBeAnothers() {
        var owner = PredictionOwner()
        _ = owner.mustForget(domain: 5, vcpu: 0)
        owner.isUnknown()
        let isForgotten = owner.mustForget(domain: 5, vcpu: 0)
        #expect(isForgotten)
    }

    /// It goes, and comes back before anybody else has run here.
    @Test func whoComesBackFromElsewhere() {
        var owner = PredictionOwner()
        _ = owner.mustForget(domain: 1, vcpu: 0)
        owner.isUnknown()
        let isForgotten = owner.mustForget(domain: 1, vcpu: 0)
        #expect(isForgotten)
        let isForgottenAgain = owner.mustForget(domain: 1, vcpu: 0)
        #expect(!isForgottenAgain)
    }
}
