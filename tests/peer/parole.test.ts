/** Sources that are suspected: what each is still asked for, and what clears it. */
import { describe, expect, test } from 'vitest'
import { MAX_ACTIVE_BYTES } from '../../src/peer/active-pieces.ts'
import { BLOCK_LENGTH } from '../../src/metainfo/geometry.ts'
import { PickerWorld, type TestSource } from './fixtures.ts'

/** Blocks of a piece. */
const BLOCKS = 4

function worldOf(pieces: number): PickerWorld {
  return new PickerWorld(pieces, { blocksPerPiece: BLOCKS, order: 'sequential' })
}

/** `a` and `b` send all of the first wanted piece: the first block comes from `a`. Its verdict is still to come. */
function shareNext(world: PickerWorld, a: TestSource, b: TestSource): void {
  const [first] = world.pick(a, 1)
  world.picker.release(a)
  world.send(a, first!)
  expect(world.fetch(b, BLOCKS - 1)).toHaveLength(BLOCKS - 1)
}

function allOf(piece: number): string[] {
  return Array.from({ length: BLOCKS }, (_, block) => `${piece}.${block}`)
}

describe('what a source was asked for when it comes under suspicion', () => {
  test('it continues alone, if nobody else was asked for blocks of the same piece', () => {
    const world = worldOf(2)
    const [a, b, c] = [world.source('##'), world.source('##'), world.source('.#')]
    shareNext(world, a, b)
    expect(world.pick(a, 2)).toEqual(['1.0', '1.1'])
    world.picker.onPieceCorrupt(0)
    expect(world.pick(c, 9)).toEqual([])
    expect(world.picker.inFlight(a)).toBe(2)
    expect(world.pick(a, 2)).toEqual(['1.2', '1.3'])
  })

  test('is withdrawn where several had a part in it, and of no use when it comes late', () => {
    const world = worldOf(3)
    const [a, b, c] = [world.source('###'), world.source('###'), world.source('.##')]
    shareNext(world, a, b)
    expect(world.fetch(b, 1)).toEqual(['1.0'])
    expect(world.pick(b, 1)).toEqual(['1.1'])
    expect(world.pick(c, 3)).toEqual(['2.0', '2.1', '2.2'])
    expect(world.pick(a, 3)).toEqual(['1.2', '1.3', '2.3']) // it helps both
    world.picker.onPieceCorrupt(0)
    expect([a, b, c].map((source) => world.picker.inFlight(source))).toEqual([0, 0, 3])
    expect(world.send(a, '2.3')).toEqual(['duplicate'])
    expect(world.send(b, '1.1')).toEqual(['duplicate'])
    expect(world.pick(b, 9)).toEqual(allOf(0))
    expect(world.pick(c, 9)).toEqual(['2.3', '1.1', '1.2', '1.3'])
  })

  test('is accepted late, if it has to send it alone', () => {
    const world = worldOf(2)
    const [a, b, c] = [world.source('##'), world.source('##'), world.source('##')]
    shareNext(world, a, b)
    world.pick(a, 2)
    world.picker.onPieceCorrupt(0)
    world.send(a, '1.0')
    world.picker.release(a)
    expect(world.send(a, '1.1')).toEqual(['accepted'])
    expect(world.pick(c, 1)).toEqual(['0.0'])
    world.send(c, '0.0')
    expect(world.pick(c, 1)).toEqual(['0.1'])
    world.round(31_000) // it is too slow with what it has to send alone
    expect(world.pick(b, 4)).toEqual(allOf(0))
    expect(world.send(c, '0.1')).toEqual(['duplicate'])
  })
})

describe('a source on parole', () => {
  /** `c` is known to send, and what `a` and `b` sent of the pieces after that is bad. */
  function badPieces(...pictures: readonly [a: string, b: string, c: string]): {
    readonly world: PickerWorld
    readonly sources: readonly [TestSource, TestSource, TestSource]
    readonly bad: readonly number[]
  } {
    const world = worldOf(pictures[0].length)
    const [a, b, c] = [world.source(pictures[0]), world.source(pictures[1]), world.source(pictures[2])]
    expect(world.fetch(c, BLOCKS)).toEqual(allOf(0))
    world.picker.onPieceWritten(0)
    const bad = [...pictures[1].matchAll(/#/g)].map(({ index }) => index)
    for (const _ of bad) shareNext(world, a, b)
    for (const piece of bad) world.picker.onPieceCorrupt(piece)
    return { world, sources: [a, b, c], bad }
  }

  test('because of two bad pieces is so until both are right, whichever is first', () => {
    for (const reversed of [false, true]) {
      const { world, sources, bad } = badPieces('.###', '.##.', '###.')
      const [a, , c] = sources
      const left = world.source('...#')
      world.fetch(left, 1)
      world.picker.removeSource(left)
      expect(world.fetch(c, 9)).toEqual(bad.flatMap(allOf))
      for (const piece of reversed ? bad.toReversed() : bad) {
        // What others have left it neither continues nor throws away.
        expect(world.pick(a, 9)).toEqual([])
        world.picker.onPieceWritten(piece)
      }
      expect(world.abandoned).toEqual([])
      expect(world.pick(a, 9)).toEqual(['3.1', '3.2', '3.3'])
    }
  })

  test('has a bad piece of others to send alone, even when it is free of its own', () => {
    const world = worldOf(3)
    const all = Array.from({ length: 4 }, () => world.source('###'))
    const [a, b, c, d] = all as [TestSource, TestSource, TestSource, TestSource]
    shareNext(world, a, b)
    shareNext(world, c, d)
    for (const piece of [0, 1]) world.picker.onPieceCorrupt(piece)
    expect(world.pick(b, 1)).toEqual(['1.0'])
    expect(world.fetch(d, BLOCKS)).toEqual(allOf(0))
    world.picker.onPieceWritten(0)
    const idle = world.source('.#.')
    expect(world.pick(idle, 9)).toEqual([])
  })

  test('that is slow is helped, goes on all the same, and does not take along what others send of it', () => {
    const { world, sources } = badPieces('.##', '.#.', '###')
    const [a, , c] = sources
    world.fetch(a, 1)
    expect(world.fetch(c, BLOCKS)).toEqual(allOf(1)) // the verdict is still to come
    world.round(30_000)
    expect(world.pick(c, 1)).toEqual(['2.1'])
    world.round()
    expect(world.pick(a, 1)).toEqual(['2.2'])
    world.picker.removeSource(a)
    expect(world.picker.inFlight(c)).toBe(1)
    expect(world.pick(c, 9)).toEqual(['2.2', '2.3'])
    expect(world.abandoned).toEqual([])
  })

  test('is not asked for what others are late with, and what it sends late begins nothing', () => {
    const { world, sources } = badPieces('.##', '.#.', '##.')
    const [a, b, c] = sources
    expect(world.fetch(a, BLOCKS)).toEqual(allOf(2))
    world.picker.onPieceFailed(2)
    expect(world.pick(a, BLOCKS)).toEqual(allOf(2))
    world.pick(c, BLOCKS)
    world.now = 10_000
    expect(world.picker.isEndgame).toBe(true)
    expect(world.pick(b, 9)).toEqual([])
    world.picker.release(a)
    expect(world.send(a, '2.0')).toEqual(['duplicate'])
  })

  test('begins nothing for a while after it has choked us', () => {
    const { world, sources } = badPieces('.##', '.#.', '##.')
    const [a] = sources
    expect(world.pick(a, 1)).toEqual(['2.0'])
    world.picker.release(a)
    world.now = 19_999
    expect(world.pick(a, 9)).toEqual([])
    world.now = 20_000
    expect(world.pick(a, 1)).not.toEqual([])
  })
})

describe('a bad piece', () => {
  test('of senders of whom one has left is fetched again like any other', () => {
    const world = worldOf(1)
    const [a, b, c] = [world.source('#'), world.source('#'), world.source('#')]
    shareNext(world, a, b)
    world.picker.removeSource(a)
    expect(world.picker.onPieceCorrupt(0)).toEqual([a.id, b.id])
    expect(world.pick(c, 9)).toEqual(allOf(0))
  })

  test('is not kept for somebody who does not have it', () => {
    const world = worldOf(2)
    const [a, b, other] = [world.source('#.'), world.source('#.'), world.source('.#')]
    world.fetch(other, 1)
    shareNext(world, a, b)
    world.picker.onPieceCorrupt(0)
    expect(world.pick(a, 9)).toEqual(allOf(0))
  })

  test('is not for whoever chokes us with it; who chokes us with nothing may have it at once', () => {
    const world = worldOf(1)
    const [a, b, c, d] = Array.from({ length: 4 }, () => world.source('#')) as TestSource[]
    shareNext(world, a!, b!)
    world.picker.onPieceCorrupt(0)
    expect(world.pick(c!, 1)).toEqual(['0.0'])
    for (const source of [c!, d!]) world.picker.release(source)
    expect(world.pick(c!, 9)).toEqual([])
    expect(world.pick(d!, 9)).toEqual(allOf(0))
  })

  test('is requested once from its owner, however long that one takes', () => {
    const world = worldOf(1)
    const [a, b] = [world.source('#'), world.source('#')]
    shareNext(world, a, b)
    world.picker.onPieceCorrupt(0)
    expect(world.pick(a, 9)).toEqual(allOf(0))
    world.now = 40_000
    expect(world.pick(a, 9)).toEqual([])
    // Nothing of it has come, so nothing is thrown away.
    expect(world.pick(b, 9)).toEqual(allOf(0))
    expect(world.abandoned).toEqual([])
    expect(world.picker.inFlight(a)).toBe(0)
  })

  test('that is slow to come again is not helped with: it is begun anew, alone', () => {
    const world = worldOf(1)
    const [a, b, c] = [world.source('#'), world.source('#'), world.source('#')]
    shareNext(world, a, b)
    world.picker.onPieceCorrupt(0)
    world.pick(a, 9)
    world.now = 29_999
    expect(world.pick(c, 9)).toEqual([])
    world.now = 30_000
    world.fetch(b, 1)
    world.round(59_999) // twice as long as for the first
    expect(world.pick(c, 9)).toEqual([])
  })

  test('waits while twice the pieces are active that may be', () => {
    const blocksPerPiece = 1_024
    const fits = MAX_ACTIVE_BYTES / (blocksPerPiece * BLOCK_LENGTH)
    const world = new PickerWorld(1 + 2 * fits, { blocksPerPiece, order: 'sequential' })
    const [none, others] = ['.'.repeat(2 * fits), '#'.repeat(2 * fits)]
    const [a, b] = [world.source(`#${none}`), world.source(`#${none}`)]
    world.fetch(a, 1)
    world.picker.release(a)
    world.fetch(b, blocksPerPiece)
    world.picker.onPieceCorrupt(0)
    for (let i = 0; i < 2 * fits; i++) world.pick(world.source(`.${others}`), blocksPerPiece)
    expect(world.picker.snapshot().activeBytes).toBe(2 * MAX_ACTIVE_BYTES)
    expect(world.pick(a, 1)).toEqual([])
  })
})

describe('a newcomer from where a liar came', () => {
  test('has proved nothing with a piece that others helped with', () => {
    const world = worldOf(4)
    const [newcomer, helper] = [world.source('####'), world.source('#...')]
    world.picker.suspect(newcomer)
    world.fetch(newcomer, 1)
    world.round(30_000)
    expect(world.fetch(helper, 9)).toEqual(['0.1', '0.2', '0.3'])
    world.picker.onPieceWritten(0)
    expect(world.pick(newcomer, 99)).toEqual(allOf(1))
  })

  test('does not begin anew what somebody else is being asked for', () => {
    const world = worldOf(1)
    const [owner, newcomer] = [world.source('#'), world.source('#')]
    world.fetch(owner, 1)
    world.now = 5_000
    world.pick(owner, 1)
    world.round(5_000) // after ten seconds it is open to all
    world.picker.suspect(newcomer)
    expect(world.pick(newcomer, 9)).toEqual([])
    world.picker.removeSource(owner)
    expect(world.pick(newcomer, 9)).toEqual(allOf(0))
  })
})
