// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Support
import Testing
import XenABI

@testable import GrantTables

@Suite struct CopyTests {
    let world = GrantWorld()

    /// Nothing stays acquired.
    func expectNothingHeld() {
        for domain in world.domains.values {
            #expect(domain.references == 0)
            #expect((8..<64).allSatisfy { domain.marks(UInt32($0)) == 0 })
        }
    }

    @Test(arguments: [1, 2] as [UInt32]) func bothWays(version: UInt32) throws {
        let (a, b) = (try world.add(1), try world.add(2))
        try a.setVersion(version)
        a.grant(8, to: 2, gfn: 3)
        try world.copy(by: b, from: a.side(ref: 8), to: b.own(5, offset: 16), 8)
        #expect(b.word(5, 16) == a.word(3))
        try world.copy(
            by: b, from: b.own(0), to: a.side(ref: 8, offset: 4088), 8, sourceIsGrant: false, destinationIsGrant: true)
        #expect(a.word(3, 4088) == b.word(0))
        // No bytes at all, from and to the page's end; a reference that there is not is one all the same.
        try world.copy(by: b, from: a.side(ref: 8, offset: 4096), to: b.own(5, offset: 4096), 0)
        #expect(throws: GrantStatus.badGrantRef) { try world.copy(by: b, from: a.side(ref: 1 << 20), to: b.own(5), 0) }
        // Within one domain, overlapping.
        try world.copy(by: b, from: b.own(5), to: b.own(5, offset: 8), 4088, sourceIsGrant: false)
        #expect(b.word(5, 24) == a.word(3))
        expectNothingHeld()
    }

    @Test(arguments: [1, 2] as [UInt32]) func refusals(version: UInt32) throws {
        let (a, b) = (try world.add(1), try world.add(2))
        try a.setVersion(version)
        a.grant(8, to: 2, gfn: 3, flags: GrantFlag.readOnly)
        a.grant(9, to: 7, gfn: 3)
        a.grant(10, to: 2, gfn: 77)
        func refuses(_ wanted: GrantStatus, _ operation: () throws -> Void) {
            #expect(throws: wanted) { try operation() }
            expectNothingHeld()
        }
        refuses(.generalError) {
            try world.copy(
                by: b, from: b.own(0), to: a.side(ref: 8), 8, sourceIsGrant: false, destinationIsGrant: true)
        }
        refuses(.generalError) { try world.copy(by: b, from: a.side(ref: 9), to: b.own(0), 8) }
        refuses(.badPage) { try world.copy(by: b, from: a.side(ref: 10), to: b.own(0), 8) }
        refuses(.badPage) { try world.copy(by: b, from: a.side(ref: 8), to: b.own(1 << 40), 8) }
        refuses(.badGrantRef) { try world.copy(by: b, from: a.side(ref: 1 << 20), to: b.own(0), 8) }
        refuses(.badCopyArgument) { try world.copy(by: b, from: a.side(ref: 8, offset: 4090), to: b.own(0), 8) }
        refuses(.badCopyArgument) { try world.copy(by: b, from: a.side(ref: 8), to: b.own(0, offset: .max), .max) }
        refuses(.permissionDenied) {
            var other = b.own(0)
            other.domain = 2
            try world.copy(by: b, from: a.side(ref: 8), to: other, 8)
        }
        refuses(.badDomain) {
            var nobody = a.side(ref: 8)
            nobody.domain = 99
            try world.copy(by: b, from: nobody, to: b.own(0), 8)
        }
    }

    @Test func partsOfPages() throws {
        let (a, b) = (try world.add(1), try world.add(2))
        try a.setVersion(2)
        a.grantPart(8, to: 2, gfn: 3, start: 100, length: 50)
        try world.copy(by: b, from: a.side(ref: 8, offset: 100), to: b.own(0), 50)
        for (offset, length) in [(99, 10), (140, 11), (0, 4096), (150, 1)] as [(UInt16, UInt16)] {
            #expect(throws: GrantStatus.generalError) {
                try world.copy(by: b, from: a.side(ref: 8, offset: offset), to: b.own(0), length)
            }
        }
        // A part cannot be mapped.
        #expect(throws: GrantStatus.generalError) { try b.map(8, of: a, at: 1) }
        expectNothingHeld()
        try a.setVersion(1)
    }

    @Test func grantsThatArePassedOn() throws {
        let (a, b, c) = (try world.add(1), try world.add(2), try world.add(3))
        try b.setVersion(2)
        a.grant(8, to: 2, gfn: 3)
        b.pass(20, to: 3, from: 1, 8)
        try world.copy(by: c, from: b.side(ref: 20), to: c.own(0), 8)
        #expect(c.word(0) == a.word(3))
        // Both sides by the same grant: it is used twice at a time.
        try world.copy(
            by: c, from: b.side(ref: 20), to: b.side(ref: 20), 8, sourceIsGrant: true, destinationIsGrant: true)
        // It cannot be mapped, nor used by another.
        #expect(throws: GrantStatus.generalError) { try c.map(20, of: b, at: 1) }
        #expect(throws: GrantStatus.generalError) { try world.copy(by: a, from: b.side(ref: 20), to: a.own(0), 8) }
        // To a domain that is not there, to oneself, to a grant for somebody else, in two steps.
        b.pass(21, to: 3, from: 9, 8)
        b.pass(22, to: 3, from: 2, 20)
        a.grant(9, to: 3, gfn: 3)
        b.pass(23, to: 3, from: 1, 9)
        try a.setVersion(2)
        a.grant(8, to: 2, gfn: 3)
        a.pass(10, to: 2, from: 3, 8)
        c.grant(8, to: 1, gfn: 0)
        b.pass(24, to: 3, from: 1, 10)
        for ref in 21...24 as ClosedRange<UInt32> {
            #expect(throws: GrantStatus.generalError) { try world.copy(by: c, from: b.side(ref: ref), to: c.own(0), 8) }
        }
        expectNothingHeld()
        // The far grant decides on writing.
        a.grant(8, to: 2, gfn: 3, flags: GrantFlag.readOnly)
        try world.copy(by: c, from: b.side(ref: 20), to: c.own(0), 8)
        #expect(throws: GrantStatus.generalError) {
            try world.copy(by: c, from: c.own(0), to: b.side(ref: 20), 8, sourceIsGrant: false, destinationIsGrant: true)
        }
        expectNothingHeld()
        try b.setVersion(1)
    }

    @Test func aBatchAcquiresOnce() throws {
        let (a, b) = (try world.add(1), try world.add(2))
        a.grant(8, to: 2, gfn: 3)
        var copier = GrantCopier(b.id, world)
        var operation = GrantCopy<Caller64>()
        operation.flags = GrantCopy<Caller64>.sourceIsGrant
        operation.source = a.side(ref: 8)
        operation.length = 64
        for index in 0..<64 as Range<UInt16> {
            operation.source.offset = index * 64
            operation.destination = b.own(2, offset: index * 64)
            try copier.copy(operation)
            #expect(a.references == 1)
            #expect(b.references == 1)
        }
        copier.finish()
        expectNothingHeld()
        #expect((0..<512).allSatisfy { a.word(3, $0 * 8) == b.word(2, $0 * 8) })
    }

    @Test func versionChangesWait() throws {
        let (a, b) = (try world.add(1), try world.add(2))
        try a.setVersion(2)
        a.grantPart(0, to: 2, gfn: 3, start: 0, length: 10)
        var copier = GrantCopier(b.id, world)
        var operation = GrantCopy<Caller64>()
        operation.flags = GrantCopy<Caller64>.sourceIsGrant
        operation.source = a.side(ref: 0)
        operation.destination = b.own(0)
        operation.length = 10
        try copier.copy(operation)
        #expect(throws: XenError.eagain) { try a.setVersion(1) }
        copier.finish()
        try a.setVersion(1)
    }
}
