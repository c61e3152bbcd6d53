// SPDX-License-Identifier: Apache-2.0

@_spi(Reflection) import Swift
import Testing
import XenABI

/// Elements of one type, side by side.
private protocol Row {
    static var element: Any.Type { get }
}

extension InlineArray: Row {
    fileprivate static var element: Any.Type { Element.self }
}

/// A structure goes out to a guest with all its bytes: one that no field has is whatever the stack had there.
extension XenABITests {
    @Test func everyByteIsAFields() {
        func expectNone<C: CallerABI>(_ type: C.Type, _ caller: Caller) {
            var facts = Facts()
            facts.addFixedStructures(caller)
            facts.addDomctls(caller)
            facts.addCallerStructures(type)
            facts.addCallerControl(type)
            facts.addSharedInfo(type, caller)
            facts.addDeviceInterfaces(type, caller)
            #expect(Set(facts.holes).sorted() == [], "\(caller)")
        }
        for caller in [Caller.x86_64, .arm64, .arm32] { expectNone(Caller64.self, caller) }
        expectNone(Caller32.self, .x86_32)
    }

    /// What the headers do not have, or have as a part of something else.
    @Test(arguments: [
        DomctlHeader.self, SysctlHeader.self, PlatformOpHeader.self, EventQueryABIs.self, EventRegister3LevelBitmaps.self,
        EventRegister3LevelSelector.self, E820Entry.self, VCPUHVMContext.self, X86VCPUContextStart.self,
        X86VCPUContextEnd.self,
    ] as [any BitwiseCopyable.Type]) func everyByteIsAFields(of type: any BitwiseCopyable.Type) {
        #expect(Self.holes(in: type) == [])
    }

    @Test func holesAreSeen() {
        struct Inner { var word: UInt32 = 0, byte: UInt8 = 0 }
        struct Outer { var byte: UInt8 = 0, inner = InlineArray<2, Inner>(repeating: Inner()), wide: UInt64 = 0 }
        #expect(Self.holes(in: UInt64.self) == [] && Self.holes(in: Inner.self) == [])
        #expect(Self.holes(in: InlineArray<2, Inner>.self) == ["InlineArray<2, Inner>: 3 bytes between elements"])
        #expect(Self.holes(in: Outer.self).count == 3)
    }

    /// Ranges of bytes of a structure that no field has, up to its last field's end, those of its fields' structures included.
    static func holes(in type: Any.Type) -> [String] {
        func size<T>(_: T.Type) -> (size: Int, stride: Int) { (MemoryLayout<T>.size, MemoryLayout<T>.stride) }
        func measure(_ type: Any.Type) -> (size: Int, stride: Int) { _openExistential(type, do: size) }
        if let row = type as? any Row.Type {
            let (size, stride) = measure(row.element)
            let between = size == stride ? [] : ["\(type): \(stride - size) bytes between elements"]
            return between + holes(in: row.element)
        }
        var result: [String] = []
        var end = 0
        _forEachField(of: type, options: []) { name, offset, field, _ in
            if offset > end { result.append("\(type): bytes \(end)-\(offset - 1), before \(String(cString: name))") }
            end = max(end, offset + measure(field).size)
            result += holes(in: field)
            return true
        }
        return result
    }
}
