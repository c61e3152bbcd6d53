// SPDX-License-Identifier: Apache-2.0

import Base
import Machine
import Support
import Testing
import X86

@testable import P2M

/// Says how often it was asked.
private final class Count: @unchecked Sendable { var invalidations = 0 }
private struct InvalidationCount: TranslationCache {
    let count: Count
    func entriesWritten() {}
    func invalidate(_ frames: GuestRange) { count.invalidations += 1 }
}

@Suite struct TablePoolTests {
    let machine = FakeMachine(frames: 256)

    @Test func tablesComeFromThePoolAndGoBack() {
        var table = PageTable(format: NestedFormat(hasHugePages: true), frames: machine.source)!
        let cache = InvalidationCount(count: Count())
        func expect(_ isTrue: Bool, _ line: Int = #line) { #expect(isTrue, "line \(line)") }
        expect(table.resizePool(to: 12) == .done)
        expect(table.poolSize == 12 && machine.outstanding == 13)
        // One frame in each 2 MiB.
        func place(_ part: UInt64) -> GFN { GFN(0x40_0000 + part << 9) }
        var parts: UInt64 = 0
        while table.replace(place(parts), with: MFN(parts), type: .ramReadWrite, cache: cache) != nil { parts += 1 }
        expect(parts == 10 && table.tableFrames == 13 && machine.outstanding == 13)
        expect(table.resizePool(to: 11) == .refused && table.poolSize == 12)
        // What was made on the way to where there is no table any more goes back.
        expect(table.unmap(GuestRange(start: place(0), count: 1), cache: cache))
        expect(table.replace(GFN(1 << 27), with: MFN(5), type: .ramReadWrite, cache: cache) == nil && table.tableFrames == 12)
        expect(table.replace(place(0), with: MFN(0), type: .ramReadWrite, cache: cache) != nil)
        let before = cache.count.invalidations
        for part in 0..<parts { expect(table.unmap(GuestRange(start: place(part), count: 1), cache: cache)) }
        // Before a table goes back nobody is in it.
        expect(cache.count.invalidations >= before + 12)
        expect(table.tableFrames == 1 && machine.outstanding == 13)
        // What comes back maps nothing.
        expect(table.replace(place(77), with: MFN(5), type: .ramReadWrite, cache: cache) != nil)
        for offset in 1..<512 as Range<UInt64> {
            let type = table.lookup(place(77) + offset).type
            expect(type == .invalid)
        }
        expect(table.resizePool(to: 3) == .done && machine.outstanding == 4)
        expect(table.resizePool(to: 1000) == .notYet)
        while table.resizePool(to: 1000) == .notYet {}
        expect(table.resizePool(to: 1000) == .refused && machine.outstanding == 256)
        table.destroy()
        expect(machine.outstanding == 0)
    }
}
