/** What the picker does about a piece that fails its hash check, and about its senders. */
import { describe, expect, test } from 'vitest'
import { BLOCK_LENGTH } from '../../src/metainfo/geometry.ts'
import { PickerWorld, type TestSource } from './fixtures.ts'

describe('a bad piece', () => {
  test('of one sender: it is to blame', () => {
    const world = new PickerWorld(1, { blocksPerPiece: 2 })
    const peer = world.source('#')
    world.fetch(peer, 2)
    expect(world.picker.onPieceCorrupt(0)).toEqual([peer.id])
    expect(world.picker.wantedCount).toBe(1)
  })

  /** Two of several peers have each sent a block of piece 0, and it is bad. */
  function badPiece(
    pieces: number,
    peers: number,
    sends?: number,
  ): { world: PickerWorld; sources: TestSource[] } {
    const world = new PickerWorld(pieces, { blocksPerPiece: 2, order: 'sequential' })
    const sources = Array.from({ length: peers }, () => world.source('#'.repeat(pieces)))
    const [a, b] = sources as [TestSource, TestSource]
    if (sends !== undefined) {
      world.pick(sources[sends]!, 4)
      for (const block of ['1.0', '1.1']) world.send(sources[sends]!, block)
      world.picker.onPieceWritten(1)
      world.picker.release(sources[sends]!)
    }
    world.pick(a, 1)
    world.picker.release(a)
    world.send(a, '0.0')
    world.fetch(b, 1)
    expect([...world.picker.sendersOf(0)]).toEqual([a.id, b.id])
    expect(world.picker.onPieceCorrupt(0)).toEqual([a.id, b.id])
    return { world, sources }
  }
  test('of two senders: it goes to one source alone, before all others, and both are on parole until it is right', () => {
    const { world, sources } = badPiece(5, 3)
    const [a, b, c] = sources as [TestSource, TestSource, TestSource]
    expect(world.pick(c, 1)).toEqual(['0.0'])
    expect(world.pick(a, 1)).toEqual(['1.0'])
    expect(world.pick(b, 1)).toEqual(['2.0'])
    expect(world.pick(c, 3)).toEqual(['0.1', '3.0', '3.1'])
    for (const block of ['1.0', ...world.pick(a, 1)]) world.send(a, block)
    world.picker.onPieceWritten(1)
    expect(world.pick(a, 1)).toEqual(['4.0'])
    // It may not help with what others send alone: a good piece does not tell who made the other one bad.
    expect(world.pick(c, 9)).toEqual([])
    for (const block of ['0.0', '0.1']) world.send(c, block)
    expect(world.contributors(0)).toEqual([c.id])
    world.picker.onPieceWritten(0)
    expect(world.pick(c, 9).toSorted()).toEqual(['2.1', '4.1'])
  })

  test('is gone on with after a choke by who has begun other pieces since, on parole or not', () => {
    const { world, sources } = badPiece(3, 3)
    const [, , c] = sources as [TestSource, TestSource, TestSource]
    expect(world.pick(c, 4)).toEqual(['0.0', '0.1', '1.0', '1.1'])
    world.send(c, '0.0')
    for (const name of ['1.0', '1.1']) world.send(c, name)
    expect(world.pick(c, 1)).toEqual(['2.0'])
    world.picker.release(c)
    for (const other of sources.slice(0, 2)) world.picker.removeSource(other)
    expect(world.pick(c, 9)).toContain('0.1')
  })

  test('of one source is asked of any, in no hurry', () => {
    const world = new PickerWorld(2, { blocksPerPiece: 2, order: 'sequential' })
    const [liar, a, b] = [world.source('##'), world.source('##'), world.source('##')]
    world.fetch(liar, 2)
    expect(world.picker.onPieceCorrupt(0)).toEqual([liar.id])
    world.picker.removeSource(liar)
    expect(world.pick(a, 1)).toEqual(['0.0'])
    world.picker.release(a)
    expect(world.pick(b, 2)).toEqual(['0.0', '0.1'])
    expect(world.send(a, '0.0')).toEqual(['accepted', b.id]) // neither has to send it alone
  })

  test('that comes bad from one source, too, goes to the next one, and that one is to blame', () => {
    const { world, sources } = badPiece(2, 3)
    const [, , c] = sources as [TestSource, TestSource, TestSource]
    world.fetch(c, 2)
    expect(world.picker.onPieceCorrupt(0)).toEqual([c.id])
    world.picker.removeSource(c)
    expect(world.pick(sources[0]!, 2)).toEqual(['0.0', '0.1'])
  })

  test('is taken from whoever is too slow for it, who has twice as long the next time', () => {
    const { world, sources } = badPiece(1, 2)
    const [a, b] = sources as [TestSource, TestSource]
    const keepsSending = (): void => {
      for (let i = 0; i < 4; i++) world.round(5_000)
    }
    expect(world.pick(a, 2)).toEqual(['0.0', '0.1'])
    world.send(a, '0.0')
    keepsSending()
    expect(world.pick(b, 2)).toEqual([])
    keepsSending()
    expect(world.pick(b, 2)).toEqual(['0.0', '0.1'])
    expect(world.abandoned).toEqual([0])
    expect(world.send(a, '0.1')).toEqual(['duplicate'])
    world.send(b, '0.0')
    world.round(59_000)
    expect(world.pick(a, 2)).toEqual([])
    world.now += 1_000
    expect(world.pick(a, 2)).toEqual(['0.0', '0.1'])
  })

  test('is left for five seconds to those who had no hand in it, and are known to send', () => {
    for (const takes of ['another', 'nobody else'] as const) {
      const { world, sources } = badPiece(2, 4, 2)
      const [a, , c, d] = sources as [TestSource, TestSource, TestSource, TestSource]
      expect(world.pick(a, 2)).not.toContain('0.0')
      expect(world.pick(d, 2)).not.toContain('0.0')
      if (takes === 'another') expect(world.pick(c, 2)).toEqual(['0.0', '0.1'])
      world.now += 5_000
      expect(world.pick(d, 2)).toEqual(takes === 'another' ? [] : ['0.0', '0.1'])
    }
  })

  test("is anybody's while nobody else is known to send, and when it was given up", () => {
    const strange = badPiece(1, 3)
    expect(strange.world.pick(strange.sources[0]!, 2)).toEqual(['0.0', '0.1'])
    const { world, sources } = badPiece(2, 3, 2)
    world.pick(sources[2]!, 2)
    world.now += 5_000
    world.picker.release(sources[2]!)
    expect(world.pick(sources[0]!, 2)).toEqual(['0.0', '0.1'])
  })

  test('is not left to who is silent or chokes us again and again', () => {
    const { world, sources } = badPiece(1, 2)
    const [a, b] = sources as [TestSource, TestSource]
    expect(world.pick(a, 2)).toEqual(['0.0', '0.1'])
    world.picker.release(a)
    expect(world.pick(a, 2)).toEqual([])
    expect(world.pick(b, 2)).toEqual(['0.0', '0.1'])
    expect(world.round(11_000).stalled).toEqual([b.id])
    expect(world.pick(b, 2)).toEqual([])
    world.now += 20_000
    expect(world.pick(a, 2)).toEqual(['0.0', '0.1'])
  })

  test('a peer on parole that chokes in the middle of a piece goes on with it later; when it leaves, it is begun anew', () => {
    const { world, sources } = badPiece(1, 2)
    const [a, b] = sources as [TestSource, TestSource]
    expect(world.pick(a, 2)).toEqual(['0.0', '0.1'])
    world.send(a, '0.0')
    world.picker.release(a)
    expect(world.pick(b, 2)).toEqual([])
    expect(world.pick(a, 2)).toEqual(['0.1'])
    world.picker.removeSource(a)
    expect(world.abandoned).toEqual([0])
    expect(world.fetch(b, 2)).toEqual(['0.0', '0.1'])
    expect(world.contributors(0)).toEqual([b.id])
  })

  test('what a liar sent of other pieces is missing again, and nothing else', () => {
    const world = new PickerWorld(2, { blocksPerPiece: 3, order: 'sequential' })
    const [liar, honest] = [world.source('##'), world.source('##')]
    world.fetch(liar, 2)
    world.picker.release(liar)
    world.fetch(honest, 1)
    world.picker.release(honest)
    world.pick(liar, 1)
    world.send(liar, '1.0')
    const forgotten: [number, number][] = []
    world.picker.forget(liar.id, (piece, bytes) => forgotten.push([piece, bytes]))
    expect(forgotten).toEqual([[1, BLOCK_LENGTH]]) // piece 0 is complete: its hash says what it is
    expect(world.abandoned).toEqual([1])
    world.picker.removeSource(liar)
    expect(world.fetch(honest, 9)).toEqual(['1.0', '1.1', '1.2'])
    expect(world.contributors(1)).toEqual([honest.id])
  })

  test('of a piece that others helped with their blocks stay', () => {
    const world = new PickerWorld(1, { blocksPerPiece: 4, order: 'sequential' })
    const [liar, honest] = [world.source('#'), world.source('#')]
    world.fetch(liar, 2)
    world.picker.release(liar)
    world.fetch(honest, 1)
    world.picker.forget(liar.id, () => {})
    expect(world.fetch(honest, 9)).toEqual(['0.0', '0.1', '0.3'])
    expect([...world.picker.sendersOf(0)]).toEqual([honest.id, honest.id, honest.id, honest.id])
  })

  test('a peer on parole has no more than four pieces at a time', () => {
    const { world, sources } = badPiece(9, 2)
    expect(world.pick(sources[1]!, 99)).toHaveLength(8)
  })

  test('a peer on parole that is slow with a piece is helped when there is nothing else to do', () => {
    const { world, sources } = badPiece(3, 3)
    const [a, , c] = sources as [TestSource, TestSource, TestSource]
    world.fetch(c, 2)
    expect(world.pick(a, 2)).toEqual(['1.0', '1.1'])
    world.send(a, '1.0')
    expect(world.fetch(c, 9)).toEqual(['2.0', '2.1'])
    world.round(28_000)
    expect(world.pick(c, 9)).toEqual([])
    world.round(2_000)
    expect(world.pick(c, 9)).toEqual(['1.1'])
  })

  test('a peer from where a liar came sends one piece alone first, and is free then', () => {
    const world = new PickerWorld(3, { blocksPerPiece: 2, order: 'sequential' })
    const [left, newcomer] = [world.source('###'), world.source('###')]
    world.fetch(left, 1)
    world.picker.suspect(newcomer)
    expect(world.pick(newcomer, 9)).toEqual(['1.0', '1.1'])
    for (const block of ['1.0', '1.1']) world.send(newcomer, block)
    world.picker.onPieceWritten(1)
    expect(world.pick(newcomer, 9)).toEqual(['2.0', '2.1', '0.1'])
  })

  test('a peer from where a liar came that finds only what was begun and left begins it anew', () => {
    const world = new PickerWorld(1, { blocksPerPiece: 2 })
    const [left, newcomer] = [world.source('#'), world.source('#')]
    world.fetch(left, 1)
    world.picker.removeSource(left)
    world.picker.suspect(newcomer)
    expect(world.pick(newcomer, 9)).toEqual(['0.0', '0.1'])
    expect(world.abandoned).toEqual([0])
  })

  test('a piece that could not be written is fetched again without blame', () => {
    const world = new PickerWorld(1, { blocksPerPiece: 2 })
    const [peer, other] = [world.source('#'), world.source('#')]
    world.fetch(peer, 2)
    world.picker.onPieceFailed(0)
    expect(world.pick(peer, 1)).toEqual(['0.0'])
    expect(world.pick(other, 1)).toEqual(['0.1']) // nobody has to send it alone
  })
})
