/** Web seeds get pieces in a row: pictures of what is had, one character a piece. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_SURVEY, PieceRuns } from '../../src/peer/piece-runs.ts'
import { SourceQueue } from '../../src/peer/source-queue.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { bits, PickerWorld, TestSource, type World } from './fixtures.ts'

/** `#`: had. */
const world = (have: string, more: World = {}): PickerWorld => new PickerWorld(have.length, { ...more, have })

const numbers = (names: readonly string[]): number[] => names.map(parseFloat)

describe('a web seed', () => {
  test.each([
    ['..........', 'begins with the first piece', [0, 1, 2]],
    ['.##....##..', 'begins with the longest gap', [3, 4, 5]],
    ['...#...', 'takes the first of gaps of equal length', [0, 1, 2]],
    ['######....', 'takes the gap at the end', [6, 7, 8]],
    ['.#..##.', 'goes on with the next longest when its gap is filled', [2, 3, 0]],
    ['########.', 'takes what is left', [8]],
    ['##########', 'is asked for nothing when nothing is missing', []],
  ])('%s %s', (have, _what, taken) => {
    const swarm = world(have)
    expect(numbers(swarm.pick(swarm.webSeed(), 3))).toEqual(taken)
  })

  test('gets the blocks of a piece in order, then those of the next', () => {
    const swarm = world('....', { blocksPerPiece: 2 })
    const seed = swarm.webSeed()
    expect(swarm.pick(seed, 3)).toEqual(['0.0', '0.1', '1.0'])
    expect(swarm.pick(seed, 3)).toEqual(['1.1', '2.0', '2.1'])
  })

  test('jumps over what a peer fetches, and goes on behind it while that is the longest gap', () => {
    const swarm = world('..........')
    const peer = swarm.source('..#.......')
    const seed = swarm.webSeed()
    expect(numbers(swarm.pick(peer, 1))).toEqual([2])
    expect(numbers(swarm.pick(seed, 3))).toEqual([3, 4, 5])
  })

  test('does not care which pieces are rare; peers do, as before', () => {
    const swarm = world('......')
    const peer = swarm.source('######')
    for (const piece of [0, 1, 2, 4, 5])
      swarm.source(Array.from('......', (_, i) => (i === piece ? '#' : '.')).join(''))
    const seed = swarm.webSeed()
    expect(numbers(swarm.pick(peer, 1))).toEqual([3])
    expect(numbers(swarm.pick(seed, 2))).toEqual([0, 1])
  })

  test('is given a corrupt piece again although it went on long ago', () => {
    const swarm = world('......')
    const peer = swarm.source('######')
    const seed = swarm.webSeed()
    swarm.fetch(seed, 6)
    for (const piece of [0, 2, 3, 4, 5]) swarm.picker.onPieceWritten(piece)
    swarm.picker.onPieceFailed(1)
    expect(numbers(swarm.pick(seed, 6))).toEqual([1])
    expect(swarm.pick(peer, 6)).toEqual([])
  })

  test('follows the user who wants the pieces in order', () => {
    const swarm = world('..#.....', { order: 'sequential' })
    const first = swarm.webSeed()
    const second = swarm.webSeed()
    expect(numbers(swarm.pick(first, 2))).toEqual([0, 1])
    expect(numbers(swarm.pick(second, 2))).toEqual([3, 4])
  })
})

describe('several web seeds', () => {
  test('halve the longest gap instead of tearing it to pieces', () => {
    const swarm = world('................')
    const [a, b, c] = [swarm.webSeed(), swarm.webSeed(), swarm.webSeed()]
    const take = (seed: TestSource): number => numbers(swarm.pick(seed, 1))[0]!
    expect([take(a), take(b), take(c)]).toEqual([0, 8, 4]) // of 1–7 and 9–15 the first, in its middle
    expect([take(a), take(b), take(c)]).toEqual([1, 9, 5])
    expect([take(a), take(b), take(c)]).toEqual([2, 10, 6])
    // a goes on up to where c began, then halves what b has left.
    expect([take(a), take(a), take(b)]).toEqual([3, 13, 11])
  })

  test('leave a gap to nobody who has gone', () => {
    const swarm = world('........')
    const gone = swarm.webSeed()
    expect(numbers(swarm.pick(gone, 2))).toEqual([0, 1])
    swarm.picker.removeSource(gone)
    expect(numbers(swarm.pick(swarm.webSeed(), 3))).toEqual([0, 1, 2])
  })
})

describe('pieces in a row', () => {
  const queueOf = (length: number): SourceQueue => {
    const pieces = Bitfield.full(length)
    return new SourceQueue(new TestSource(1, pieces, true), pieces, 0)
  }

  test('are found as a slow search finds them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('#', '#', '.', '########', '........'), { minLength: 1, maxLength: 30 }),
        (parts) => {
          const picture = parts.join('')
          fc.pre(picture.includes('#'))
          const runs = new PieceRuns(bits(picture))
          const queue = queueOf(picture.length)
          runs.add(queue)
          const longest = picture.match(/#+/g)!.reduce((best, gap) => (gap.length > best.length ? gap : best))
          expect(runs.choose(queue, 0)).toBe(picture.search(new RegExp(`(?<!#)${longest}(?!#)`)))
        },
      ),
    )
  })

  test('are all found once, however many sources look for them, and however many pieces there are', () => {
    // So many that a source may survey them once in a round; behind that it takes the next one from where it is.
    const length = MAX_SURVEY / 2 + 3
    const wanted = new Bitfield(length)
    for (let piece = 5; piece < length; piece += 999) wanted.set(piece)
    for (let piece = 700_001 % length; piece < 700_100 % length; piece++) wanted.set(piece)
    const expected = wanted.count
    const runs = new PieceRuns(wanted)
    const queues = [queueOf(length), queueOf(length), queueOf(length)]
    for (const queue of queues) runs.add(queue)
    const found = new Set<number>()
    for (let turn = 0; !wanted.isEmpty; turn++) {
      const piece = runs.choose(queues[turn % 3]!, 0)
      expect(wanted.clear(piece)).toBe(true)
      found.add(piece)
    }
    expect(found.size).toBe(expected)
  })
})
