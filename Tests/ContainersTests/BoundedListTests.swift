// SPDX-License-Identifier: Apache-2.0

import Containers
import Testing

@Suite struct BoundedListTests {
    @Test func holdsAsManyAsItHasRoomFor() {
        var list = BoundedList<UInt64, 3>()
        #expect(list.count == 0 && list.span.isEmpty)
        for value in 1...3 as ClosedRange<UInt64> {
            #expect(list.append(value * 10))
            #expect(list.count == Int(value))
        }
        #expect(!list.append(40))
        #expect(list.count == 3)
        #expect((0..<3).map { list[$0] } == [10, 20, 30])
        let span = list.span
        #expect(span.count == 3 && span[0] == 10 && span[2] == 30)
    }

    @Test func anElementOfSeveralFieldsComesBackWhole() {
        var list = BoundedList<(UInt8, UInt64), 32>()
        for index in 0..<32 { _ = list.append((UInt8(index), UInt64(index) << 40)) }
        for index in 0..<32 { #expect(list[index] == (UInt8(index), UInt64(index) << 40)) }
    }
}
