// SPDX-License-Identifier: Apache-2.0

import Containers
import Testing

@Suite struct BoundedListTests {
    @Test func holdsAsManyAsItHasRoomFor() {
        var list = BoundedList<UInt64, 3>()
        let isEmpty = list.span.isEmpty
        #expect(list.count == 0 && isEmpty)
        for value in 1...3 as ClosedRange<UInt64> {
            let isAppended = list.append(value * 10)
            #expect(isAppended)
            #expect(list.count == Int(value))
        }
        let isAppended = list.append(40)
        #expect(!isAppended)
        #expect(list.count == 3)
        for index in 0..<3 { #expect(list[index] == UInt64(index + 1) * 10) }
        let (count, first, last) = (list.span.count, list.span[0], list.span[2])
        #expect(count == 3 && first == 10 && last == 30)
    }

    @Test func anElementOfSeveralFieldsComesBackWhole() {
        var list = BoundedList<(UInt8, UInt64), 32>()
        for index in 0..<32 { _ = list.append((UInt8(index), UInt64(index) << 40)) }
        for index in 0..<32 { #expect(list[index] == (UInt8(index), UInt64(index) << 40)) }
    }
}
