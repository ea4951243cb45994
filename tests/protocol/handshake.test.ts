import { expect, test } from 'vitest'
import { ProtocolError } from '../../src/protocol/errors.ts'
import {
  decodeHandshake,
  encodeHandshake,
  HANDSHAKE_LENGTH,
  isHandshakeStart,
  type Handshake,
} from '../../src/protocol/handshake.ts'
import { idFrom } from '../../src/protocol/ids.ts'

const handshake: Handshake = {
  infoHash: idFrom(new Uint8Array(20).fill(0x11)),
  peerId: idFrom(new TextEncoder().encode('-BW0100-abcdefghijkl')),
  hasExtensions: true,
  hasFast: false,
}

test('a handshake is 68 bytes: name, reserved bits, info hash, peer id', () => {
  const bytes = encodeHandshake(handshake)
  const text = String.fromCharCode(...bytes)
  expect(text).toBe(`\x13BitTorrent protocol\0\0\0\0\0\x10\0\0${'\x11'.repeat(20)}-BW0100-abcdefghijkl`)
  expect(bytes).toHaveLength(HANDSHAKE_LENGTH)
  expect(decodeHandshake(bytes)).toEqual(handshake)
})

test('each reserved bit is told apart, and bits that we do not know do not matter', () => {
  for (const hasExtensions of [false, true])
    for (const hasFast of [false, true]) {
      const bytes = encodeHandshake({ ...handshake, hasExtensions, hasFast })
      expect(decodeHandshake(bytes)).toMatchObject({ hasExtensions, hasFast })
      bytes[20] = 0xff
      bytes[27]! |= 0x03
      expect(decodeHandshake(bytes)).toMatchObject({ hasExtensions, hasFast })
    }
})

test('ids are copies: the bytes may be reused', () => {
  const bytes = encodeHandshake(handshake)
  const decoded = decodeHandshake(bytes)
  bytes.fill(0)
  expect(decoded).toEqual(handshake)
})

test('what follows the handshake is left alone', () => {
  const bytes = new Uint8Array(HANDSHAKE_LENGTH + 5).fill(9)
  bytes.set(encodeHandshake(handshake))
  expect(decodeHandshake(bytes)).toEqual(handshake)
})

test('another protocol, another length byte and a short handshake are refused', () => {
  const good = encodeHandshake(handshake)
  const bad = [
    new TextEncoder().encode('GET / HTTP/1.1\r\n'.repeat(5)),
    good.with(0, 18),
    good.with(19, 0x4c),
    good.subarray(0, HANDSHAKE_LENGTH - 1),
    new Uint8Array(0),
  ]
  for (const bytes of bad) {
    expect(() => decodeHandshake(bytes)).toThrow(ProtocolError)
    expect(() => decodeHandshake(bytes)).toThrow(expect.objectContaining({ code: 'wire.not-bittorrent' }))
  }
})

test('the first bytes tell whether it can still become a handshake', () => {
  const good = encodeHandshake(handshake)
  for (let length = 0; length <= HANDSHAKE_LENGTH; length++)
    expect(isHandshakeStart(good.subarray(0, length))).toBe(true)
  expect(isHandshakeStart(Uint8Array.of(0x47))).toBe(false)
  expect(isHandshakeStart(good.with(19, 0).subarray(0, 20))).toBe(false)
})
