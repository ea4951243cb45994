/** What a seeder shows to whom. */
import { expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { MAX_AHEAD, PATIENCE, SuperSeeding } from '../../src/peer/super-seeding.ts'

const PIECES = 20

function seeding(...guests: number[]): SuperSeeding {
  const seeding = new SuperSeeding({ pieceCount: PIECES, random: new SeededRandom(1) })
  for (const id of guests) seeding.add(id, false, 0)
  return seeding
}

/** It asks for a piece, and is shown more once it has asked for all that it knows of. */
function ask(seeding: SuperSeeding, id: number, piece: number): void {
  if (seeding.onRequest(id, piece, 0)) seeding.showMore(id)
}

/** It takes what it is offered, until it is offered nothing. */
function takeAll(seeding: SuperSeeding, id: number, mayRepeat = false): number[] {
  const taken: number[] = []
  const next = (): number[] => {
    const fresh = seeding.offer(id, 1)
    return fresh.length === 0 && mayRepeat ? seeding.repeat(id) : fresh
  }
  for (let offered = next(); offered.length > 0; offered = next())
    for (const piece of offered) {
      ask(seeding, id, piece)
      taken.push(piece)
    }
  return taken
}

test('each piece is shown to one', () => {
  const seeder = seeding(1, 2, 3)
  const shown: number[] = []
  while (seeder.hasFresh)
    for (const id of [1, 2, 3])
      for (const piece of seeder.offer(id, 1)) {
        shown.push(piece)
        ask(seeder, id, piece)
      }
  expect(shown.sort((a, b) => a - b)).toEqual(Array.from({ length: PIECES }, (_, piece) => piece))
})

test('the next one is shown when one is asked for, twice as many when all are', () => {
  const seeder = seeding(1)
  const [first] = seeder.offer(1, 1)
  expect(seeder.offer(1, 1)).toEqual([])
  ask(seeder, 1, first!)
  const next = seeder.offer(1, 1)
  expect(next).toHaveLength(2)
  ask(seeder, 1, next[0]!)
  expect(seeder.offer(1, 1)).toHaveLength(1)
})

test('what it waits for counts like what it has not asked for, if it is said to', () => {
  const seeder = seeding(1)
  const [first] = seeder.offer(1, 1)
  ask(seeder, 1, first!)
  expect(seeder.offer(1, 1, 2)).toEqual([])
  expect(seeder.offer(1, 1, 1)).toHaveLength(1)
})

test('who asks for nothing is not shown more again and again', () => {
  const seeder = seeding(1)
  const [first] = seeder.offer(1, 1)
  seeder.onRequest(1, first!, 0)
  for (let times = 0; times < 10; times++) seeder.showMore(1)
  expect(seeder.offer(1, 1)).toHaveLength(2)
})

test('fresh pieces that lie side by side are shown together', () => {
  const seeder = seeding(1, 2)
  seeder.onHave(2, 10)
  const groups = [
    [0, 1, 2, 3, 4, 5, 6, 7],
    [8, 9, 11, 12, 13, 14, 15],
    [16, 17, 18, 19],
  ]
  const shown: number[][] = []
  while (seeder.hasFresh) {
    shown.push(seeder.offer(1, 8))
    for (const piece of shown.at(-1)!) ask(seeder, 1, piece)
  }
  expect(shown.flat().toSorted((a, b) => a - b)).toEqual(groups.flat())
  expect(groups).toContainEqual(shown[0])
})

test('nobody is told more before half of what it was shown is asked for', () => {
  const seeder = seeding(1)
  for (const piece of seeder.offer(1, 1)) ask(seeder, 1, piece)
  for (const piece of seeder.offer(1, 1)) ask(seeder, 1, piece)
  const four = seeder.offer(1, 1)
  expect(four).toHaveLength(4)
  ask(seeder, 1, four[0]!)
  expect(seeder.offer(1, 1)).toEqual([])
  ask(seeder, 1, four[1]!)
  expect(seeder.offer(1, 1)).toHaveLength(2)
})

test('we hide something until a guest knows of every piece, or is shown all', () => {
  const seeder = seeding(1, 2)
  takeAll(seeder, 1)
  expect([seeder.isHiding(1), seeder.isHiding(2)]).toEqual([false, true])
  seeder.showAll(2)
  expect(seeder.isHiding(2)).toBe(false)
})

test('who knows of every piece is told of those that it has by itself, once', () => {
  const seeder = seeding(1)
  const [shown] = seeder.offer(1, 1)
  const all = Array.from({ length: PIECES }, (_, piece) => piece)
  for (const piece of all) if (piece !== shown) seeder.onHave(1, piece)
  expect(seeder.offer(1, 1)).toEqual(all.filter((piece) => piece !== shown))
  expect(seeder.offer(1, 1)).toEqual([])
})

test('a piece that somebody got elsewhere is not shown to others while there are fresh ones', () => {
  const seeder = seeding(1, 2)
  seeder.onHave(2, 7)
  expect(takeAll(seeder, 1)).not.toContain(7)
  expect(takeAll(seeder, 1, true)).toEqual([7])
})

test('what others know of is shown piece by piece, however fast it was taken before', () => {
  const seeder = seeding(1, 2)
  for (const piece of [3, 7, 11]) seeder.onHave(2, piece)
  takeAll(seeder, 1)
  const again: number[] = []
  for (let shown = seeder.repeat(1); shown.length > 0; shown = seeder.repeat(1)) {
    expect(shown).toHaveLength(1)
    expect(seeder.repeat(1)).toEqual([])
    ask(seeder, 1, shown[0]!)
    again.push(...shown)
  }
  expect(again.toSorted((a, b) => a - b)).toEqual([3, 7, 11])
})

test('what others know of is shown only when we have nothing better to send, the least known first', () => {
  const seeder = seeding(1, 2, 3)
  takeAll(seeder, 1)
  seeder.onHave(2, 3)
  expect(seeder.hasFresh).toBe(false)
  expect(seeder.offer(3, 1)).toEqual([])
  expect(takeAll(seeder, 3, true).at(-1)).toBe(3)
})

test('what one that left was shown is fresh again', () => {
  const seeder = seeding(1, 2)
  takeAll(seeder, 1)
  expect(seeder.hasFresh).toBe(false)
  seeder.remove(1)
  expect(takeAll(seeder, 2)).toHaveLength(PIECES)
})

test('one that takes nothing is shown everything, and what it left is fresh again', () => {
  const seeder = seeding(1, 2)
  const [offered] = seeder.offer(1, 1)
  expect(seeder.isUnwilling(1, PATIENCE - 1)).toBe(false)
  expect(seeder.isUnwilling(1, PATIENCE)).toBe(true)

  const rest = seeder.showAll(1)

  expect([offered, ...rest].sort((a, b) => a! - b!)).toEqual(
    Array.from({ length: PIECES }, (_, piece) => piece),
  )
  expect(seeder.isUnwilling(1, 2 * PATIENCE)).toBe(false)
  expect(seeder.offer(1, 1)).toEqual([])
  expect(seeder.repeat(1)).toEqual([])
  expect(takeAll(seeder, 2)).toContain(offered)
})

test('one that had no chance is not impatiently judged', () => {
  const seeder = seeding(1)
  seeder.offer(1, 1)
  seeder.onExcused(1, PATIENCE)
  expect(seeder.isUnwilling(1, PATIENCE + 1)).toBe(false)
})

test('those that pass on what they are sent are served before those that do not', () => {
  const seeder = seeding(1, 2)
  const [kept] = seeder.offer(1, 1)
  const [shared] = seeder.offer(2, 1)
  ask(seeder, 1, kept!)
  ask(seeder, 2, shared!)
  seeder.onServed(1, kept!)
  seeder.onServed(2, shared!)
  seeder.onHave(1, shared!)
  const [next1] = seeder.offer(1, 1)
  const [next2] = seeder.offer(2, 1)

  expect(seeder.unspreadCount(1)).toBe(1)
  expect(seeder.rankOf(2, next2!)).toBeLessThan(seeder.rankOf(1, next1!))
  expect(seeder.rankOf(2, shared!)).toBe(Infinity)
})

test('however much is asked for, what is shown ahead is bounded', () => {
  const seeder = new SuperSeeding({
    pieceCount: 8 * MAX_AHEAD,
    random: new SeededRandom(1),
  })
  seeder.add(1, false, 0)
  let most = 0
  for (let offered = seeder.offer(1, 1); offered.length > 0; offered = seeder.offer(1, 1)) {
    most = Math.max(most, offered.length)
    for (const piece of offered) ask(seeder, 1, piece)
  }
  expect(most).toBe(MAX_AHEAD)
})

test('the rest of a piece does not wait because its beginning was sent, other pieces do', () => {
  const seeder = seeding(1, 2)
  const [piece] = seeder.offer(1, 1)
  ask(seeder, 1, piece!)
  seeder.onServed(1, piece!)
  const [next] = seeder.offer(1, 1)
  ask(seeder, 1, next!)
  expect([seeder.rankOf(1, piece!), seeder.rankOf(1, next!)]).toEqual([0, 1])
  seeder.onHave(2, piece!)
  expect(seeder.rankOf(1, next!)).toBe(0)
})

test('a piece is sent to one guest once, however many blocks it has, and anew when that guest leaves', () => {
  const seeder = seeding(1, 2)
  const [piece] = seeder.offer(1, 1)
  ask(seeder, 1, piece!)
  for (let block = 0; block < 3; block++) seeder.onServed(1, piece!)
  expect(seeder.unspreadCount(1)).toBe(1)
  seeder.remove(1)
  ask(seeder, 2, piece!)
  seeder.onServed(2, piece!)
  expect(seeder.unspreadCount(2)).toBe(1)
})

test('who gets what it was shown from elsewhere is shown the next', () => {
  const seeder = seeding(1)
  const [first] = seeder.offer(1, 1)
  seeder.onHave(1, first!)
  expect(seeder.offer(1, 1)).toHaveLength(1)
})

test('who asks for something now and then is not taken for unwilling', () => {
  const seeder = seeding(1)
  const [first] = seeder.offer(1, 1)
  seeder.onRequest(1, first!, PATIENCE - 1)
  expect(seeder.isUnwilling(1, 2 * PATIENCE - 2)).toBe(false)
  expect(seeder.isUnwilling(1, 2 * PATIENCE - 1)).toBe(true)
})

test('what one was shown, never took, and nobody else has is fresh again when it is shown everything', () => {
  const seeder = seeding(1, 2)
  const [offered] = seeder.offer(1, 1)
  seeder.showAll(1)
  expect(takeAll(seeder, 2)).toHaveLength(PIECES)
  seeder.onRequest(1, offered!, 0)
  seeder.remove(2)
  expect(seeder.hasFresh).toBe(true)
  seeder.add(3, false, 0)
  expect(takeAll(seeder, 3)).not.toContain(offered)
})

test('who knows of every piece and asks for nothing is waited for', () => {
  const seeder = seeding(1)
  for (let piece = 0; piece < PIECES; piece++) seeder.onHave(1, piece)
  expect(seeder.isUnwilling(1, PATIENCE)).toBe(false)
})

test('a piece is passed on once: by who was sent it, not by itself, and others keep their own count', () => {
  const seeder = seeding(1, 2, 3)
  const [first] = seeder.offer(1, 1)
  const [second] = seeder.offer(2, 1)
  for (const [id, piece] of [
    [1, first!],
    [2, second!],
  ] as const) {
    ask(seeder, id, piece)
    seeder.onServed(id, piece)
    seeder.onHave(id, piece)
  }
  const counts = (): number[] => [1, 2].map((id) => seeder.unspreadCount(id))
  expect(counts()).toEqual([1, 1])
  seeder.onServed(3, 19)
  seeder.remove(3)
  seeder.add(3, false, 0)
  seeder.onHave(3, first!)
  expect(counts()).toEqual([0, 1])
  seeder.remove(3)
  seeder.add(4, false, 0)
  seeder.onHave(4, first!)
  seeder.onHave(4, second!)
  expect(counts()).toEqual([0, 0])
})
