// SPDX-License-Identifier: Apache-2.0

import Base
import Machine

/// A register that is not the hardware's alone.
struct WatchedRegister: Equatable {
    enum Kind: Equatable {
        case command
        /// A base address register, by its number; 6 is the ROM's.
        case base(Int)
        case messageControl, messageAddress, messageUpperAddress, messageData, messageMask
        case tableControl
    }
    let kind: Kind
    let offset: UInt32
    /// Bytes.
    let width: Int

    init(_ kind: Kind, _ offset: UInt32, _ width: Int) { (self.kind, self.offset, self.width) = (kind, offset, width) }

    func contains(_ byte: UInt32) -> Bool { byte &- offset < UInt32(width) }
}

extension FunctionState {
    /// The watched register that a byte of configuration space belongs to.
    func register(at byte: UInt32) -> WatchedRegister? {
        if byte & ~1 == ConfigurationOffset.command { return WatchedRegister(.command, ConfigurationOffset.command, 2) }
        let dword = byte & ~3
        let base = Int(dword &- ConfigurationOffset.firstBAR) / 4
        if dword >= ConfigurationOffset.firstBAR, base < baseCount {
            let kind = bases[base].kind
            return kind == .empty || kind == .io ? nil : WatchedRegister(.base(base), dword, 4)
        }
        if dword == romOffset, bases[Self.rom].kind == .rom { return WatchedRegister(.base(Self.rom), dword, 4) }
        return messages.register(at: byte) ?? messageTable.register(at: byte)
    }
}

extension MessageCapability {
    func register(at byte: UInt32) -> WatchedRegister? {
        guard offset != 0, byte >= offset else { return nil }
        let registers: InlineArray<5, WatchedRegister?> = [
            WatchedRegister(.messageControl, offset + 2, 2), WatchedRegister(.messageAddress, offset + 4, 4),
            is64Bit ? WatchedRegister(.messageUpperAddress, offset + 8, 4) : nil,
            WatchedRegister(.messageData, dataOffset, 2), hasMask ? WatchedRegister(.messageMask, maskOffset, 4) : nil,
        ]
        for index in registers.indices { if let register = registers[index], register.contains(byte) { return register } }
        return nil
    }
}

extension MessageTable {
    func register(at byte: UInt32) -> WatchedRegister? {
        let control = WatchedRegister(.tableControl, offset + 2, 2)
        return offset != 0 && control.contains(byte) ? control : nil
    }
}

/// A piece of an access: within one watched register, or within none.
private struct Piece {
    let offset: UInt32
    let width: Int
    let register: WatchedRegister?
}

extension FunctionState {
    /// The first piece of an access to `width` bytes. Outside of watched registers a piece is 1, 2 or 4 bytes that are aligned.
    fileprivate func piece(_ offset: UInt32, width: Int) -> Piece {
        let register = register(at: offset)
        var length = 1
        while length < width, self.register(at: offset + UInt32(length)) == register { length += 1 }
        if register == nil {
            while !length.isPowerOfTwo || offset & UInt32(length - 1) != 0 { length -= 1 }
        }
        return Piece(offset: offset, width: length, register: register)
    }
}

extension Int {
    fileprivate var isPowerOfTwo: Bool { self & (self - 1) == 0 }
}

/// Bytes `width` bytes wide, all ones.
@inline(__always) func mask(_ width: Int) -> UInt32 { width >= 4 ? .max : 1 << UInt32(width * 8) - 1 }

extension VirtualPCI {
    /// The guest reads 1, 2 or 4 bytes.
    public mutating func read(_ function: PCIFunction, _ offset: UInt32, width: Int, _ host: Host) -> UInt32 {
        guard let block = block(of: function, host) else {
            return host.readConfiguration(function, offset, width: width) & mask(width)
        }
        let state = state(at: block, host)
        var value: UInt32 = 0
        var done = 0
        while done < width {
            let piece = state.piece(offset + UInt32(done), width: width - done)
            var part: UInt32
            if let register = piece.register {
                part = read(register, state, host) >> ((piece.offset - register.offset) * 8)
            } else {
                part = host.readConfiguration(function, piece.offset, width: piece.width)
            }
            part &= mask(piece.width)
            value |= part << UInt32(done * 8)
            done += piece.width
        }
        return value
    }

    /// The guest writes 1, 2 or 4 bytes. A part of a watched register keeps the rest of it.
    public mutating func write(_ function: PCIFunction, _ offset: UInt32, _ value: UInt32, width: Int, _ host: Host) {
        guard let block = block(of: function, host) else {
            return host.writeConfiguration(function, offset, value & mask(width), width: width)
        }
        var state = state(at: block, host)
        var done = 0
        while done < width {
            let piece = state.piece(offset + UInt32(done), width: width - done)
            let part = value >> UInt32(done * 8) & mask(piece.width)
            if let register = piece.register {
                let shift = (piece.offset - register.offset) * 8
                let kept = piece.width == register.width ? 0 : read(register, state, host) & ~(mask(piece.width) << shift)
                write(register, kept | part << shift, &state, at: block, host)
            } else {
                host.writeConfiguration(function, piece.offset, part, width: piece.width)
            }
            done += piece.width
        }
        setState(state, at: block, host)
    }

    private func read(_ register: WatchedRegister, _ state: FunctionState, _ host: Host) -> UInt32 {
        switch register.kind {
        case .command, .base: host.readConfiguration(state.function, register.offset, width: register.width)
        case .messageControl: UInt32(state.messages.control)
        case .messageAddress: UInt32(truncatingIfNeeded: state.messages.address)
        case .messageUpperAddress: UInt32(truncatingIfNeeded: state.messages.address >> 32)
        case .messageData: UInt32(state.messages.data)
        case .messageMask: state.messages.mask
        case .tableControl: UInt32(state.messageTable.control)
        }
    }

    private mutating func write(
        _ register: WatchedRegister, _ value: UInt32, _ state: inout FunctionState, at block: MachineAddress, _ host: Host
    ) {
        switch register.kind {
        case .command: writeCommand(UInt16(truncatingIfNeeded: value), &state, at: block, host)
        case .base(FunctionState.rom): writeROM(value, &state, at: block, host)
        case .base(let index): writeBase(index, value, &state, host)
        case .messageControl: writeMessageControl(UInt16(truncatingIfNeeded: value), &state, at: block, host)
        case .messageAddress: writeMessage(&state, host) { $0.address = $0.address & ~0xffff_ffff | UInt64(value) }
        case .messageUpperAddress:
            writeMessage(&state, host) { $0.address = $0.address & 0xffff_ffff | UInt64(value) << 32 }
        case .messageData: writeMessage(&state, host) { $0.data = UInt16(truncatingIfNeeded: value) }
        case .messageMask: writeMessageMask(value, &state, host)
        case .tableControl: writeTableControl(UInt16(truncatingIfNeeded: value), &state, at: block, host)
        }
    }
}
