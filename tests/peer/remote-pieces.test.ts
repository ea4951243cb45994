import { describe, expect, test } from 'vitest'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { MAX_EARLY_HAVES, RemotePieces } from '../../src/peer/remote-pieces.ts'
import type { Bitfield } from '../../src/protocol/bitfield.ts'

/** Six pieces; what the observer is told, in order. */
function remote(): { pieces: RemotePieces; told: string[]; geometry: PieceGeometry } {
  const told: string[] = []
  const pieces = new RemotePieces({
    onAll: () => told.push(`all ${picture(pieces)}`),
    onOne: (piece) => told.push(`one ${piece}`),
  })
  return { pieces, told, geometry: new PieceGeometry(16_384, [{ path: [], length: 6 * 16_384 }]) }
}

function picture(pieces: RemotePieces): string {
  return Array.from({ length: 6 }, (_, piece) => (pieces.field!.has(piece) ? '#' : '.')).join('')
}

const bits = (text: string): Uint8Array => Uint8Array.of(Number.parseInt(text, 2))

test('a bitfield is told as a whole, haves one by one', () => {
  const { pieces, told, geometry } = remote()
  pieces.onMetainfo(geometry)
  pieces.onBitfield(bits('10100000'))
  pieces.onHave(1)
  pieces.onHave(1)
  expect(told).toEqual(['all #.#...', 'one 1'])
})

test('who begins with a have has nothing but that', () => {
  const { pieces, told, geometry } = remote()
  pieces.onMetainfo(geometry)
  pieces.onHave(4)
  expect(told).toEqual(['all ......', 'one 4'])
})

test('a second bitfield is as many haves: aria2 sends such', () => {
  const { pieces, told, geometry } = remote()
  pieces.onMetainfo(geometry)
  pieces.onBitfield(bits('10000000'))
  pieces.onBitfield(bits('01001000'))
  expect(told).toEqual(['all #.....', 'one 1', 'one 4'])
})

test('all seeds of a torrent share one bitfield, and nobody else does', () => {
  const geometry = remote().geometry
  const fieldAfter = (text: string): Bitfield => {
    const { pieces } = remote()
    pieces.onMetainfo(geometry)
    pieces.onBitfield(bits(text))
    return pieces.field!
  }
  expect(fieldAfter('11111100')).toBe(fieldAfter('11111100'))
  expect(fieldAfter('11111000')).not.toBe(fieldAfter('11111000'))
})

describe('before the metainfo is known', () => {
  test('all is kept and told when it comes', () => {
    const { pieces, told, geometry } = remote()
    pieces.onBitfield(bits('00000100'))
    pieces.onHave(0)
    expect(told).toEqual([])
    pieces.onMetainfo(geometry)
    expect(told).toEqual(['all #....#'])
  })

  test('all is kept as it came, although the buffer that it came in is used again', () => {
    const { pieces, told, geometry } = remote()
    const buffer = bits('10000000')
    pieces.onBitfield(buffer)
    buffer.fill(0)
    pieces.onMetainfo(geometry)
    expect(told).toEqual(['all #.....'])
  })

  test('a seed shares its bitfield with all others, too', () => {
    const { pieces, geometry } = remote()
    pieces.onBitfield(bits('11111100'))
    pieces.onMetainfo(geometry)
    expect(pieces.field).toBe(geometry.everyPiece)
  })

  test('a bitfield of the wrong size shows then', () => {
    const { pieces, geometry } = remote()
    pieces.onBitfield(new Uint8Array(2))
    expect(() => pieces.onMetainfo(geometry)).toThrow(expect.objectContaining({ code: 'wire.bad-bitfield' }))
  })

  test('a piece that does not exist shows then', () => {
    const { pieces, geometry } = remote()
    pieces.onHave(6)
    expect(() => pieces.onMetainfo(geometry)).toThrow(expect.objectContaining({ code: 'wire.bad-piece' }))
  })

  test('the haves are bounded', () => {
    const { pieces } = remote()
    for (let i = 0; i < MAX_EARLY_HAVES; i++) pieces.onHave(i)
    expect(() => pieces.onHave(0)).toThrow(expect.objectContaining({ code: 'wire.bad-bitfield' }))
  })
})
