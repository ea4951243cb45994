/** What a seeder takes for a change of its files. */
import { expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { FileStat } from '../../src/storage/disk.ts'
import { FileWatch, LOOK_INTERVAL_MS } from '../../src/storage/file-watch.ts'

const geometry = new PieceGeometry(10, [{ path: ['a'], length: 40 }])
const FOUND: FileStat = { length: 40, modifiedAt: 1, changedAt: 1, attributes: '644', inode: '7' }

/** Looks at a file that becomes one thing after the other. @returns what was said of each */
function watch(...stats: Partial<FileStat>[]): string[] {
  const clock = new SimClock()
  const said: string[] = []
  let now = FOUND
  const fileWatch = new FileWatch({
    geometry,
    clock,
    found: [FOUND],
    has: () => true,
    onChanged: (_file, { message }) => said.push(message) > 0,
    onUnreadable: () => {},
    payload: {
      read: (_piece, _begin, _into, done) => void clock.after(0, done),
      stat: (done) => void clock.after(0, () => done([now])),
      statFile: (_file, done) => void clock.after(0, () => done(now)),
    },
  })
  const answers = stats.map((stat) => {
    now = { ...now, ...stat }
    clock.runUntil(clock.now() + LOOK_INTERVAL_MS)
    return said.splice(0).join() || 'nothing'
  })
  fileWatch.close()
  return answers
}

test('another file, another length and another time are changes', () => {
  expect(watch({}, { inode: '8' })).toEqual(['nothing', 'another file is in the place of a'])
  expect(watch({ length: 39 })).toEqual(['a has 39 bytes, the metainfo says 40'])
  expect(watch({ modifiedAt: 2, changedAt: 2 })).toEqual(['a was written to'])
})

test('what was written and dated back is a change', () => {
  expect(watch({ changedAt: 2 })).toEqual(['a was touched, and may have been written to'])
})

test('a chmod, a new owner or another hard link is none, and hides none that follows', () => {
  expect(watch({ attributes: '600', changedAt: 2 }, { changedAt: 3 })).toEqual([
    'nothing',
    'a was touched, and may have been written to',
  ])
  expect(watch({ attributes: '600', changedAt: 2, modifiedAt: 2 })).toEqual(['a was written to'])
})
