// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
public import XenABI

/// The running guest's memory, as its own addresses name it. It is copied, never referenced: an address is a claim until
/// `translate` accepts it, and each word is read once.
public protocol GuestMemory: Sendable {
    associatedtype Frames: FrameMemory
    var frames: Frames { get }

    /// The machine address of a byte of guest RAM that the guest itself could read (or write). Nil where it would
    /// fault, or where what is there is not RAM. Takes no lock that is held while translations are invalidated.
    func translate(_ address: GuestVirtualAddress, write: Bool) -> MachineAddress?

    /// From here to `endCopy`, what `translate` says stays: whoever takes a translation away waits before he lets go of the
    /// frame (`CopyWindow`). Another of the guest's vCPUs may do that at any time.
    func beginCopy()
    func endCopy()

    /// Does what the guest's own access would have made the hypervisor do, where `translate` says nil: gives RAM on demand a
    /// frame, notes a write. Outside of a copy. False where the access is refused for good.
    func makeAccessible(_ address: GuestVirtualAddress, write: Bool) -> Bool
}

extension GuestMemory {
    /// For a machine whose guests have everything at once.
    public func makeAccessible(_ address: GuestVirtualAddress, write: Bool) -> Bool { false }
}

/// Times that an access is made possible before it is refused: in between the toolstack may have protected the page anew.
private let attempts = 8

extension GuestMemory {
    /// Runs `body` with the machine address of a byte that the guest may read (or write), up to the end of its page. Throws
    /// `.efault`.
    @inline(__always)
    private func withPlace<R>(
        _ address: GuestVirtualAddress, write: Bool, _ body: (MachineAddress) -> R
    ) throws(XenError) -> R {
        var left = attempts
        while true {
            beginCopy()
            if let place = translate(address, write: write) {
                defer { endCopy() }
                return body(place)
            }
            endCopy()
            guard left > 0, makeAccessible(address, write: write) else { throw .efault }
            left -= 1
        }
    }

    /// Reads a structure of the public interface. Throws `.efault`.
    @inline(__always)
    public func read<Value: BitwiseCopyable>(
        _ type: Value.Type = Value.self, at address: GuestVirtualAddress
    ) throws(XenError) -> Value {
        guard address.offset + UInt64(MemoryLayout<Value>.size) <= pageSize else { return try readAcrossFrames(at: address) }
        return try withPlace(address, write: false) { frames.load(at: $0) }
    }

    @inline(never)
    private func readAcrossFrames<Value: BitwiseCopyable>(at address: GuestVirtualAddress) throws(XenError) -> Value {
        // Any bits will do, for every byte is overwritten below.
        var value: Value = try withPlace(address, write: false) { frames.load(at: MachineAddress($0.frame)) }
        try unsafe withUnsafeMutableBytes(of: &value) { (bytes) throws(XenError) in
            // SAFETY: the pointer covers the value for as long as the closure runs.
            try unsafe read(into: bytes.baseAddress.unsafelyUnwrapped, count: bytes.count, at: address)
        }
        return value
    }

    @unsafe private func read(
        into target: UnsafeMutableRawPointer, count: Int, at address: GuestVirtualAddress
    ) throws(XenError) {
        var done = 0
        while done < count {
            let part = min(count - done, Int(pageSize - (address + UInt64(done)).offset))
            try withPlace(address + UInt64(done), write: false) {
                unsafe (target + done).copyMemory(from: frames.pointer(to: $0), byteCount: part)
            }
            done += part
        }
    }

    /// Writes a structure of the public interface. Throws `.efault`, with a part written where it crosses into a frame
    /// that is not there, as the guest's own store would.
    @inline(__always)
    public func write<Value: BitwiseCopyable>(_ value: Value, at address: GuestVirtualAddress) throws(XenError) {
        if address.offset + UInt64(MemoryLayout<Value>.size) <= pageSize {
            return try withPlace(address, write: true) { frames.store(value, at: $0) }
        }
        try unsafe withUnsafeBytes(of: value) { (bytes) throws(XenError) in
            // SAFETY: the bytes of `value`, for as long as the closure runs.
            try unsafe write(bytes: RawSpan(_unsafeBytes: bytes), at: address)
        }
    }

    /// Writes bytes of any length. Throws `.efault`, with a part written.
    public func write(bytes: borrowing RawSpan, at address: GuestVirtualAddress) throws(XenError) {
        var done = 0
        while done < bytes.byteCount {
            let count = min(bytes.byteCount - done, Int(pageSize - (address + UInt64(done)).offset))
            try withPlace(address + UInt64(done), write: true) {
                frames.copyIn(bytes.extracting(done..<done + count), to: $0)
            }
            done += count
        }
    }

    /// Reads bytes of any length. Throws `.efault`.
    public func read(bytes: inout MutableSpan<UInt8>, count: Int, at address: GuestVirtualAddress) throws(XenError) {
        precondition(count <= bytes.count)
        try unsafe bytes.withUnsafeMutableBytes { (buffer) throws(XenError) in
            guard let base = buffer.baseAddress else { return }
            // SAFETY: the buffer has at least `count` bytes.
            try unsafe read(into: base, count: count, at: address)
        }
    }
}
