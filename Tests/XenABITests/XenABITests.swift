// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import XenABI

/// Everything in `XenABI` against the headers that Debian's toolstack is built with.
@Suite struct XenABITests {
    @Test func agreesWithTheHeadersOn64Bit() throws {
        for caller in [Caller.x86_64, .arm64, .arm32] { try check(Caller64.self, caller) }
    }

    @Test func agreesWithTheHeadersOn32Bit() throws {
        try check(Caller32.self, .x86_32)
    }

    func check<C: CallerABI>(_ type: C.Type, _ caller: Caller) throws {
        try #require(
            FileManager.default.fileExists(atPath: HeaderCheck.headers + "/xen.h"),
            "\(HeaderCheck.headers) is missing: install Debian's package libxen-dev")
        var facts = Facts()
        facts.addNumbers(caller)
        facts.addFixedStructures(caller)
        facts.addDomctls(caller)
        facts.addCallerStructures(C.self)
        facts.addCallerControl(C.self)
        facts.addSharedInfo(C.self, caller)
        facts.addDeviceInterfaces(C.self, caller)
        let differences =
            try HeaderCheck.differences(facts.all, for: caller) + HeaderCheck.differences(facts.bitFields, for: caller)
        #expect(differences == [])
        print("ABI: \(caller): \(facts.all.count + facts.bitFields.count) facts compared, \(differences.count) differences")
    }

    /// What is said of domctls in terms of no caller holds for all four.
    @Test func domctlsAreLaidOutAlike() throws {
        for caller in [Caller.x86_64, .x86_32, .arm64, .arm32] {
            var facts = Facts()
            facts.addDomctls(caller)
            #expect(try HeaderCheck.differences(facts.all, for: caller) == [])
            #expect(facts.all.count > 150)
        }
    }

    /// The check itself sees a difference.
    @Test func seesADifference() throws {
        var facts = Facts()
        facts.add("VIRQ_CONSOLE", 3, "wrong")
        facts.add("VIRQ_TIMER", 0, "right")
        #expect(try HeaderCheck.differences(facts.all, for: .arm64).count == 1)
        facts.bits("struct ioreq", "dir", at: 30, 0x10 as UInt8)
        facts.bits("struct ioreq", "state", at: 30, 0x0F as UInt8)
        #expect(try HeaderCheck.differences(facts.bitFields, for: .arm64).count == 1)
    }

    @Test func errorsBecomeReturnValues() {
        #expect(XenError.enosys.returnValue == -38)
        #expect(XenError.enosys.returnBits == UInt64.max - 37)
    }

    @Test func callerIntegersKeepTheirValue() {
        #expect(SplitUInt64(lowBits: 0x1234_5678_9abc_def0).wide == 0x1234_5678_9abc_def0)
        #expect(UInt32(lowBits: 0x1_0000_0002).wide == 2)
        #expect(UInt32(fitting: 0x1_0000_0002) == nil)
        #expect(UInt64(fitting: 0x1_0000_0002)?.wide == 0x1_0000_0002)
    }

    @Test func memoryFlags() {
        #expect(MemoryFlags(rawValue: 0).node == nil)
        #expect(MemoryFlags(rawValue: (3 + 1) << 8 | 32).node == 3)
        #expect(MemoryFlags(rawValue: (3 + 1) << 8 | 32).addressBits == 32)
        #expect(MemoryFlags(rawValue: 1 << 16).populateOnDemand)
        #expect(MemoryFlags(rawValue: 1 << 17).exactNode)
        #expect(MemoryFlags(rawValue: 1 << 18).virtualNode)
    }
}
