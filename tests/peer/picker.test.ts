import { describe, expect, test } from 'vitest'
import { MAX_ACTIVE_BYTES } from '../../src/peer/active-pieces.ts'
import { BLOCK_LENGTH } from '../../src/metainfo/geometry.ts'
import { bits, picker, PickerWorld, TestSource } from './fixtures.ts'

describe('which piece goes first', () => {
  test('the rarest one that the peer has', () => {
    const world = picker('3129')
    expect(world.pick(world.source('#.##'), 1)).toEqual(['2.0']) // piece 1 is rarer, but this peer lacks it
    expect(world.pick(world.source('####'), 1)).toEqual(['1.0'])
  })

  test('a have makes a piece more common at once', () => {
    const world = picker('12')
    const late = world.source('..')
    const seed = world.source('##')
    for (const piece of [0, 0]) {
      const other = world.source('..')
      other.pieces.set(piece)
      world.picker.onHave(other, piece)
    }
    late.pieces.set(0)
    world.picker.onHave(late, 0)
    expect(world.pick(seed, 1)).toEqual(['1.0'])
  })

  test('a peer that leaves makes its pieces rare again', () => {
    const world = new PickerWorld(40)
    const seed = world.source('#'.repeat(40))
    const gone = world.source(`${'#'.repeat(39)}.`)
    const few = world.source(`${'.'.repeat(39)}#`)
    const more = world.source(`${'.'.repeat(39)}#`)
    world.picker.removeSource(few)
    world.picker.removeSource(more)
    expect(world.pick(seed, 1)).toEqual(['39.0'])
    world.picker.removeSource(gone)
    expect(world.picker.wantedCount).toBe(39)
  })

  test('equally rare pieces are taken in different orders by leechers that started together', () => {
    const firsts = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const world = new PickerWorld(100, { seed })
      firsts.add(world.pick(world.source('#'.repeat(100)), 1)[0]!)
    }
    expect(firsts.size).toBeGreaterThan(15)
  })

  test('sequential takes them from the first to the last, also when one comes back', () => {
    const world = new PickerWorld(4, { order: 'sequential' })
    const peer = world.source('####')
    expect(world.pick(peer, 2)).toEqual(['0.0', '1.0'])
    world.picker.release(peer)
    expect(world.pick(peer, 4)).toEqual(['0.0', '1.0', '2.0', '3.0'])
  })

  test('sequential takes the lowest that a peer with few pieces has', () => {
    const world = new PickerWorld(6_000, { order: 'sequential' })
    const peer = world.source('.'.repeat(5_000) + '#'.repeat(1_000))
    expect(world.pick(peer, 2)).toEqual(['5000.0', '5001.0'])
  })

  test('random takes every piece once, in no order', () => {
    const world = new PickerWorld(50, { order: 'random' })
    const taken = world.pick(world.source('#'.repeat(50)), 50).map(parseFloat)
    expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, piece) => piece))
    expect(taken).not.toEqual(taken.toSorted((a, b) => a - b))
  })

  test('a peer whose pieces are all at the far end of the order is served from its own pieces', () => {
    const world = new PickerWorld(20_000)
    const common = '.'.repeat(19_000) + '#'.repeat(1_000)
    for (let i = 0; i < 3; i++) world.source(common)
    const taken = world.pick(world.source(common), 1_000).map(parseFloat)
    expect(new Set(taken).size).toBe(1_000)
    expect(Math.min(...taken)).toBe(19_000)
  })

  test('a peer with few of very many pieces gives the rarest of them first, and all', () => {
    const world = new PickerWorld(2_000)
    const among = (picture: string): string => `${'.'.repeat(500)}${picture}${'.'.repeat(1_496)}`
    world.source(among('..#.'))
    world.source(among('#.#.'))
    expect(world.pick(world.source(among('#.##')), 5)).toEqual(['503.0', '500.0', '502.0'])
  })
})

describe('blocks of a piece', () => {
  test('a begun piece is finished before another is begun; blocks in a row are one run, and the first is told apart', () => {
    const world = new PickerWorld(3, { blocksPerPiece: 4, order: 'sequential' })
    const peer = world.source('###')
    const ask = (count: number): [piece: number, blocks: number, isFirstOfPiece: boolean][] =>
      world
        .ask(peer, count)
        .map(({ piece, length, isFirstOfPiece }) => [piece, length / BLOCK_LENGTH, isFirstOfPiece])
    expect(ask(6)).toEqual([
      [0, 4, true],
      [1, 2, true],
    ])
    expect(ask(3)).toEqual([
      [1, 2, false],
      [2, 1, true],
    ])
  })

  test('what is free between blocks that are not is a run of its own', () => {
    const world = new PickerWorld(1, { blocksPerPiece: 7 })
    const [a, b] = [world.source('#'), world.source('#')]
    world.pick(a, 7)
    for (const block of ['0.2', '0.5']) world.send(a, block)
    world.picker.release(a)
    expect(world.ask(b, 5).map(({ begin, length }) => [begin / BLOCK_LENGTH, length / BLOCK_LENGTH])).toEqual(
      [
        [0, 2],
        [3, 2],
        [6, 1],
      ],
    )
  })

  test('the last block of the payload may be short, and its run with it', () => {
    const world = new PickerWorld(2, { blocksPerPiece: 2, missingBytes: 1 })
    expect(world.ask(world.source('.#'), 2)).toMatchObject([
      { piece: 1, begin: 0, length: 2 * BLOCK_LENGTH - 1 },
    ])
  })

  test('a piece is left to the peer that began it, while there are others to begin', () => {
    const world = new PickerWorld(2, { blocksPerPiece: 4, order: 'sequential' })
    const [a, b, c] = [world.source('##'), world.source('##'), world.source('##')]
    expect(world.pick(a, 1)).toEqual(['0.0'])
    expect(world.pick(b, 1)).toEqual(['1.0'])
    expect(world.pick(c, 2)).toEqual(['0.1', '0.2'])
  })

  test('who helps with a piece does not take it over', () => {
    const world = new PickerWorld(2, { blocksPerPiece: 4, order: 'sequential' })
    const [a, b, c] = [world.source('#.'), world.source('#.'), world.source('##')]
    world.pick(a, 1)
    expect(world.pick(b, 1)).toEqual(['0.1'])
    world.picker.release(b)
    expect(world.pick(c, 2)).toEqual(['1.0', '1.1'])
    expect(world.pick(a, 9)).toEqual(['0.1', '0.2', '0.3'])
  })

  test('a piece that takes the peer that began it ten seconds is open to all', () => {
    const world = new PickerWorld(4, { blocksPerPiece: 4, order: 'sequential' })
    const [slow, ...others] = Array.from({ length: 3 }, () => world.source('####')) as [
      TestSource,
      ...TestSource[],
    ]
    world.fetch(slow, 1)
    world.now = 5_000
    world.fetch(slow, 1)
    world.round(4_999)
    expect(world.pick(others[0]!, 1)).toEqual(['1.0'])
    world.round(1)
    expect(world.pick(others[1]!, 1)).toEqual(['0.2'])
  })

  test('all blocks in make it pending, written makes it had', () => {
    const world = new PickerWorld(2, { blocksPerPiece: 2, order: 'sequential' })
    const peer = world.source('##')
    world.fetch(peer, 2)
    expect(world.picker.snapshot()).toMatchObject({ active: 0, pending: 1, wanted: 1, have: 0 })
    world.picker.onPieceWritten(0)
    expect(world.picker.have.has(0)).toBe(true)
    expect(world.picker.isInterestedIn(peer)).toBe(true)
    world.fetch(peer, 2)
    expect(world.picker.onPieceWritten(1)).toEqual([peer])
    expect(world.picker.isComplete).toBe(true)
    expect(world.picker.isInterestedIn(peer)).toBe(false)
    expect(world.pick(peer, 5)).toEqual([])
  })

  test('a block that nobody asked for is told apart from one that comes twice', () => {
    const world = new PickerWorld(2, { order: 'sequential' })
    const peer = world.source('##')
    expect(world.send(peer, '0.0')).toEqual(['unrequested'])
    world.pick(peer, 1)
    expect(world.send(peer, '1.0')).toEqual(['unrequested'])
    expect(world.send(peer, '0.0')).toEqual(['accepted'])
    expect(world.send(peer, '0.0')).toEqual(['unrequested'])
    expect(world.picker.onBlock(peer, 0, 1, BLOCK_LENGTH, [])).toBe('unrequested')
  })
})

describe('requests that are taken back', () => {
  test('a choke frees the blocks for others, and what still comes is accepted', () => {
    const world = new PickerWorld(1, { blocksPerPiece: 3 })
    const [a, b] = [world.source('#'), world.source('#')]
    expect(world.pick(a, 3)).toEqual(['0.0', '0.1', '0.2'])
    world.picker.release(a)
    expect(world.picker.inFlight(a)).toBe(0)
    expect(world.pick(b, 2)).toEqual(['0.0', '0.1'])
    expect(world.send(a, '0.0')).toEqual(['accepted', b.id])
    expect(world.send(b, '0.0')).toEqual(['duplicate'])
    expect(world.send(b, '0.1')).toEqual(['accepted'])
    expect(world.send(a, '0.1')).toEqual(['duplicate'])
    expect(world.send(a, '0.2')).toEqual(['accepted'])
    expect(world.contributors(0)).toEqual([a.id, b.id])
    expect(world.picker.mainContributor(0)).toBe(a.id)
  })

  test('a block that comes after all of its piece was released begins the piece anew', () => {
    const world = new PickerWorld(1, { blocksPerPiece: 2 })
    const peer = world.source('#')
    world.pick(peer, 2)
    world.picker.release(peer)
    expect(world.picker.wantedCount).toBe(1)
    expect(world.send(peer, '0.1')).toEqual(['accepted'])
    expect(world.pick(peer, 2)).toEqual(['0.0'])
  })

  test('a peer that leaves takes nothing with it', () => {
    const world = new PickerWorld(2, { blocksPerPiece: 2, order: 'sequential' })
    const [a, b] = [world.source('##'), world.source('##')]
    world.pick(a, 3)
    world.send(a, '0.0')
    world.picker.removeSource(a)
    expect(world.pick(b, 9)).toEqual(['0.1', '1.0', '1.1'])
  })

  test('a silent peer is reported in the round, and others get its blocks', () => {
    const world = new PickerWorld(1, { blocksPerPiece: 2 })
    const [mute, other] = [world.source('#'), world.source('#')]
    world.pick(mute, 2)
    expect(world.round(9_999)).toEqual({ stalled: [] })
    expect(world.pick(other, 0)).toEqual([])
    expect(world.round(1)).toEqual({ stalled: [mute.id] })
    expect(world.picker.inFlight(mute)).toBe(0)
    expect(world.pick(other, 2)).toEqual(['0.0', '0.1'])
  })

  test('a peer whose answer lies unread with us is not silent', () => {
    const world = new PickerWorld(1)
    const peer = world.source('#')
    world.pick(peer, 1)
    peer.isHeld = true
    expect(world.round(61_000)).toEqual({ stalled: [] })
    expect(world.picker.inFlight(peer)).toBe(1)
    peer.isHeld = false
    expect(world.round()).toEqual({ stalled: [peer.id] })
  })

  test('a peer that keeps sending is not silent, but a request that it forgot is released after a minute', () => {
    const world = new PickerWorld(20, { blocksPerPiece: 1, order: 'sequential' })
    const peer = world.source('#'.repeat(20))
    const other = world.source(`#${'.'.repeat(19)}`)
    expect(world.pick(peer, 1)).toEqual(['0.0'])
    for (let second = 5; second <= 55; second += 5) {
      expect(world.round(5_000).stalled).toEqual([])
      world.fetch(peer, 1)
    }
    expect(world.round(5_000).stalled).toEqual([])
    expect(world.pick(other, 1)).toEqual(['0.0'])
  })
})

describe('a piece that is begun when others were had', () => {
  test('knows nothing of them: neither who was asked, nor who sent, nor what was asked for twice', () => {
    const world = new PickerWorld(2, { blocksPerPiece: 2, order: 'sequential' })
    const slow = world.source('#.')
    world.pick(slow, 2)
    const [other, last] = [world.source('#.'), world.source('.#')]
    expect(world.pick(last, 1)).toEqual(['1.0'])
    world.picker.release(last)
    world.now = 200
    world.pick(world.source('.#'), 2)
    expect(world.pick(other, 2)).toEqual(['0.0', '0.1'])
    for (const name of ['0.0', '0.1']) world.send(other, name)
    expect(world.picker.mainContributor(0)).toBe(other.id)
    expect(world.picker.onPieceCorrupt(0)).toEqual([other.id])

    const [run] = world.ask(slow, 2)
    expect(run).toEqual({ piece: 0, begin: 0, length: 2 * BLOCK_LENGTH, isFirstOfPiece: true })
    expect(world.contributors(0)).toEqual([])
    expect(world.send(slow, '0.1')).toEqual(['accepted'])
    expect(world.contributors(0)).toEqual([slow.id])
  })
})

describe('a piece that was had', () => {
  test('is not had while it is in doubt, and wanted again when it is bad', () => {
    const world = new PickerWorld(2, { have: '#.' })
    const peer = world.source('##')
    world.picker.onPieceDoubted(0)
    expect(world.picker.have.has(0)).toBe(false)
    expect(world.pick(peer, 9)).toEqual(['1.0'])
    world.picker.onPieceLost(0)
    expect(world.pick(peer, 9)).toEqual(['0.0'])
  })

  test('is not fetched again once the download was complete', () => {
    const world = new PickerWorld(1, { have: '#' })
    const peer = world.source('#')
    world.picker.onPieceDoubted(0)
    world.picker.onPieceLost(0)
    expect([world.pick(peer, 9), world.picker.isComplete]).toEqual([[], false])
    world.picker.onPieceKept(0)
    expect(world.picker.isComplete).toBe(true)
  })

  test('makes those interesting again that have it', () => {
    const world = new PickerWorld(2, { have: '#.' })
    const peer = world.source('#.')
    world.picker.onPieceDoubted(0)
    world.picker.onPieceLost(0)
    expect(world.picker.isInterestedIn(peer)).toBe(true)
  })
})

describe('limits', () => {
  test('no more pieces are begun than their buffers may take; a peer that would idle gets one more', () => {
    const blocksPerPiece = 1_024
    const fits = MAX_ACTIVE_BYTES / (blocksPerPiece * BLOCK_LENGTH)
    const world = new PickerWorld(fits + 8, { blocksPerPiece, order: 'sequential' })
    const busy = world.source('#'.repeat(fits) + '.'.repeat(8))
    expect(world.pick(busy, 1e6)).toHaveLength(MAX_ACTIVE_BYTES / BLOCK_LENGTH)
    const other = world.source('#'.repeat(fits + 8))
    expect(world.pick(other, 1e6)).toHaveLength(blocksPerPiece)
    expect(world.pick(other, 1e6)).toHaveLength(0)
  })

  test('blocks of peers that left do not keep others from beginning pieces', () => {
    const blocksPerPiece = 1_024
    const fits = MAX_ACTIVE_BYTES / (blocksPerPiece * BLOCK_LENGTH)
    const world = new PickerWorld(2 * fits, { blocksPerPiece, order: 'sequential' })
    const gone = world.source('#'.repeat(fits) + '.'.repeat(fits))
    for (const name of world.pick(gone, 1e6)) if (name.endsWith('.7')) world.send(gone, name)
    world.picker.removeSource(gone)
    const other = world.source('.'.repeat(fits) + '#'.repeat(fits))
    expect(world.fetch(other, 1e6)).toHaveLength(blocksPerPiece)
    world.pick(other, 1)
    world.round()
    expect(world.picker.snapshot().activeBytes).toBeLessThanOrEqual(MAX_ACTIVE_BYTES)
    expect(world.abandoned).toHaveLength(1)
  })

  test('late blocks begin no piece while as many are active as may be', () => {
    const blocksPerPiece = 1_024
    const fits = MAX_ACTIVE_BYTES / (blocksPerPiece * BLOCK_LENGTH)
    const world = new PickerWorld(fits + 1, { blocksPerPiece, order: 'sequential' })
    const late = world.source(`#${'.'.repeat(fits)}`)
    world.pick(late, 1)
    world.picker.release(late)
    world.pick(world.source(`.${'#'.repeat(fits)}`), 1e6)
    expect(world.send(late, '0.0')).toEqual(['duplicate'])
  })

  test('a seeder takes sources without looking at them', () => {
    const world = new PickerWorld(4, { have: '####' })
    const peer = world.source('#.#.')
    expect(world.picker.isInterestedIn(peer)).toBe(false)
    expect(world.pick(peer, 4)).toEqual([])
    peer.pieces.set(1)
    world.picker.onHave(peer, 1)
    world.picker.removeSource(peer)
  })

  test('a bug of ours does not pass: unknown sources, haves before the bit', () => {
    const world = new PickerWorld(2)
    const stranger = new TestSource(77, bits('##'))
    expect(() => world.pick(stranger, 1)).toThrow('source 77 was not added')
    const peer = world.source('..')
    expect(() => world.picker.onHave(peer, 0)).toThrow('lacks piece 0')
    expect(() => world.picker.onPieceWritten(0)).toThrow('not pending')
  })
})
