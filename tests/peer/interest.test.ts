/** Who has something for us, against looking at every piece of everybody each time. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Interest } from '../../src/peer/interest.ts'
import { SourceQueue } from '../../src/peer/source-queue.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { bits, TestSource } from './fixtures.ts'

const PIECES = 19

const step = fc.oneof(
  fc.record({
    do: fc.constant('join' as const),
    pieces: fc.uniqueArray(fc.nat(PIECES - 1), { maxLength: 5 }),
  }),
  fc.record({ do: fc.constant('leave' as const), who: fc.nat(20) }),
  fc.record({ do: fc.constant('have' as const), who: fc.nat(20), piece: fc.nat(PIECES - 1) }),
  fc.record({ do: fc.constant('written' as const), piece: fc.nat(PIECES - 1) }),
)

test('a source is of interest while it has a piece that we do not, and is named once when it ceases to be', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const have = new Bitfield(PIECES)
      const interest = new Interest(have)
      const queues: SourceQueue[] = []
      const isOfUse = ({ bitfield }: SourceQueue): boolean =>
        bitfield.indices().some((piece) => !have.has(piece))
      let id = 0
      for (const each of steps) {
        const queue = 'who' in each ? queues[each.who % Math.max(1, queues.length)] : undefined
        if (each.do === 'join') {
          const field = new Bitfield(PIECES)
          for (const piece of each.pieces) field.set(piece)
          const joined = new SourceQueue(new TestSource(++id, field), field, 0)
          queues.push(joined)
          interest.add(joined)
        } else if (each.do === 'written') {
          if (!have.set(each.piece)) continue
          const before = queues.filter((one) => interest.has(one))
          const gone = interest.onHad(each.piece)
          expect(new Set(gone)).toEqual(
            new Set(before.filter((one) => !isOfUse(one)).map(({ source }) => source)),
          )
          expect(new Set(gone).size).toBe(gone.length)
        } else if (queue === undefined) continue
        else if (each.do === 'leave') {
          queues.splice(queues.indexOf(queue), 1)
          interest.remove(queue)
          expect(interest.has(queue)).toBe(false)
        } else if (queue.bitfield.set(each.piece)) interest.onHave(queue, each.piece)
        for (const one of queues) expect(interest.has(one)).toBe(isOfUse(one))
      }
    }),
    { numRuns: 300 },
  )
})

test('a source that left is not named any more', () => {
  const have = bits('...')
  const interest = new Interest(have)
  const queue = new SourceQueue(new TestSource(1, bits('.#.')), bits('.#.'), 0)
  interest.add(queue)
  interest.remove(queue)
  have.set(1)
  expect(interest.onHad(1)).toEqual([])
})
