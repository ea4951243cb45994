/** Which of two connections between the same two peers stays. */
import { expect, test } from 'vitest'
import type { Direction } from '../../src/peer/remote-peer.ts'
import { LOST_AFTER_MS, replacesTwin } from '../../src/peer/twin.ts'
import type { PeerId } from '../../src/protocol/ids.ts'

const peerId = (...end: number[]): PeerId =>
  Uint8Array.of(...new Array(20 - end.length).fill(7), ...end) as PeerId

const LESSER = peerId(1, 255)
const GREATER = peerId(2, 0)

/** On the side of `ours`, which already has a connection in one direction, another one comes up in the other. */
function staysDialled(ours: PeerId, theirs: PeerId, newcomer: Direction): boolean {
  const direction = newcomer === 'in' ? 'out' : 'in'
  return replacesTwin(newcomer, { direction, peerId: theirs }, { ours, silence: 0 }) === (newcomer === 'out')
}

test.each<[Direction, Direction]>([
  ['in', 'in'],
  ['in', 'out'],
  ['out', 'in'],
  ['out', 'out'],
])(
  'two that dial each other keep what the greater dialled (it hears of its %s last, the lesser of its %s)',
  (greater, lesser) => {
    expect(staysDialled(GREATER, LESSER, greater)).toBe(true)
    expect(staysDialled(LESSER, GREATER, lesser)).toBe(false)
  },
)

test.each<Direction>(['in', 'out'])(
  'a second connection in the same direction (%s) is refused',
  (direction) => {
    for (const [ours, theirs] of [
      [GREATER, LESSER],
      [LESSER, GREATER],
    ] as const)
      expect(
        replacesTwin(direction, { direction, peerId: theirs }, { ours, silence: LOST_AFTER_MS - 1 }),
      ).toBe(false)
  },
)

test.each<[Direction, Direction]>([
  ['in', 'in'],
  ['in', 'out'],
  ['out', 'in'],
  ['out', 'out'],
])(
  'a new connection (%s) replaces one (%s) through which nothing has come for a while',
  (newcomer, direction) => {
    for (const [ours, theirs] of [
      [GREATER, LESSER],
      [LESSER, GREATER],
    ] as const)
      expect(replacesTwin(newcomer, { direction, peerId: theirs }, { ours, silence: LOST_AFTER_MS })).toBe(
        true,
      )
  },
)
