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
      pathOf: () => '/d/a',
      read: (_piece, _begin, _into, done) => void clock.after(0, done),
      stat: (done) => void clock.after(0, () => done([now])),
      statFiles: (_files, onFile) => void clock.after(0, () => onFile(0, now)),
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
  expect(watch({}, { inode: '8' })).toEqual(['nothing', 'another file is in the place of /d/a'])
  expect(watch({ length: 39 })).toEqual(['/d/a has 39 bytes, the metainfo says 40'])
  expect(watch({ modifiedAt: 2, changedAt: 2 })).toEqual(['/d/a was written to'])
})

test('what was written and dated back is a change', () => {
  expect(watch({ changedAt: 2 })).toEqual(['/d/a was touched, and may have been written to'])
})

test('a chmod, a new owner or another hard link is none, and hides none that follows', () => {
  expect(watch({ attributes: '600', changedAt: 2 }, { changedAt: 3 })).toEqual([
    'nothing',
    '/d/a was touched, and may have been written to',
  ])
  expect(watch({ attributes: '600', changedAt: 2, modifiedAt: 2 })).toEqual(['/d/a was written to'])
})

test('a look vouches for nothing that was read long after it began, whenever it comes back', () => {
  const clock = new SimClock()
  const lookMs = 5_000
  const dirty = new Set<number>()
  let [now, looks] = [FOUND, 0]
  const fileWatch = new FileWatch({
    geometry,
    clock,
    found: [FOUND],
    has: (piece) => !dirty.has(piece),
    onChanged: () => [0, 1, 2, 3].every((piece) => dirty.add(piece)),
    onUnreadable: () => {},
    payload: {
      pathOf: () => '/d/a',
      read: (_piece, _begin, _into, done) => void clock.after(0, done),
      stat: () => {},
      // It tells what was there when it began.
      statFiles: (_files, onFile) => {
        const seen = now
        looks++
        clock.after(lookMs, () => onFile(0, seen))
      },
    },
  })
  clock.runUntil(LOOK_INTERVAL_MS + 2_000)
  expect(looks).toBe(1)
  now = { ...FOUND, changedAt: 2 }
  let outcome: unknown
  fileWatch.read(2, 0, [new Uint8Array(10)], (error) => (outcome = error?.code ?? 'read'))
  clock.runUntil(LOOK_INTERVAL_MS + lookMs)
  expect(outcome).toBe(undefined)
  clock.runUntil(LOOK_INTERVAL_MS + 2 * lookMs)
  expect([looks, outcome]).toEqual([2, 'disk.changed'])
  fileWatch.close()
})

/** Sound files in pieces of 10 bytes, which `statFiles` looks at; what is read is there at once. */
function watchSound(
  clock: SimClock,
  { count, length }: { readonly count: number; readonly length: number },
  statFiles: (files: readonly number[], tellSound: (file: number) => void) => void,
): FileWatch {
  const files = Array.from({ length: count }, (_, file) => ({ path: [`${file}`], length }))
  const sound = { ...FOUND, length }
  return new FileWatch({
    geometry: new PieceGeometry(10, files),
    clock,
    found: files.map(() => sound),
    has: () => true,
    onChanged: () => false,
    onUnreadable: () => {},
    payload: {
      pathOf: () => '/d/a',
      read: (_piece, _begin, _into, done) => void clock.after(0, done),
      stat: () => {},
      statFiles: (asked, onFile) => statFiles(asked, (file) => onFile(file, sound)),
    },
  })
}

test('the files of what is read are looked at together, and each by one look at a time', () => {
  const clock = new SimClock()
  const asked: string[] = []
  const fileWatch = watchSound(clock, { count: 20, length: 1 }, (files, tellSound) => {
    asked.push(files.join())
    for (const file of files) clock.after(100, () => tellSound(file))
  })
  const read: number[] = []
  fileWatch.read(0, 2, [new Uint8Array(4)], () => read.push(clock.now()))
  clock.runUntil(50)
  fileWatch.read(0, 4, [new Uint8Array(4)], () => read.push(clock.now()))
  clock.runUntil(1_000)
  expect(asked).toEqual(['2,3,4,5', '6,7'])
  expect(read).toEqual([100, 150])
  fileWatch.close()
})

test('a file whose disk hangs holds up only who wants something of it', () => {
  const clock = new SimClock()
  const hanging = 1
  const fileWatch = watchSound(clock, { count: 3, length: 10 }, (asked, tellSound) => {
    for (const file of asked) if (file !== hanging) clock.after(1, () => tellSound(file))
  })
  clock.runUntil(LOOK_INTERVAL_MS)
  const read: number[] = []
  for (const piece of [0, 1, 2]) fileWatch.read(piece, 0, [new Uint8Array(10)], () => read.push(piece))
  clock.runUntil(LOOK_INTERVAL_MS + 100)
  expect(read).toEqual([0, 2])
  fileWatch.close()
})
