import { expect, test } from 'vitest'
import { createMetainfo } from '../../src/app/create.ts'
import type { ScanPayload } from '../../src/app/create.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { MAX_UNREAD_CAUSES, verifyPayload } from '../../src/app/verify.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { Clock } from '../../src/protocol/ports.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { hashes } from '../support/hashes.ts'

const PIECE = 16_384

/** A folder `set` with a file `a` of 2.5 pieces and a file `b` of 1 piece, on a disk that answers in the next turns. */
function makeWorld() {
  const turns: Clock = Object.assign(new SimClock(), {
    after: (_: number, fn: () => void) => {
      const immediate = setImmediate(fn)
      return () => clearImmediate(immediate)
    },
  })
  const disk = new MemoryDisk({ clock: turns, random: new SeededRandom(1), hashes })
  const content = new SeededRandom(2).fill(new Uint8Array(3.5 * PIECE))
  disk.writeFile('/data/set/a', content.subarray(0, 2.5 * PIECE))
  disk.writeFile('/data/set/b', content.subarray(2.5 * PIECE))
  const scan: ScanPayload = (path) =>
    Promise.resolve({
      path,
      name: 'set',
      isSingleFile: false,
      files: [
        { path: ['a'], length: 2.5 * PIECE },
        { path: ['b'], length: PIECE },
      ],
      modifiedAt: [1, 1],
    })
  return { disk, content, env: { scan, disk, hashes } }
}

test('metainfo is made of what lies there, and says how far it is', async () => {
  const { content, env } = makeWorld()
  const progress: string[] = []
  const metainfo = await createMetainfo('/data/set', env, {
    pieceLength: PIECE,
    comment: 'hello',
    onProgress: (done, all) => progress.push(`${done / PIECE}/${all / PIECE}`),
  })
  expect(metainfo).toMatchObject({ name: 'set', isSingleFile: false, isPrivate: false, comment: 'hello' })
  expect(metainfo.geometry.pieceCount).toBe(4)
  expect(metainfo.digests.subarray(20, 40)).toEqual(hashes.sha1(content.subarray(PIECE, 2 * PIECE)))
  expect(progress).toEqual(['1/3.5', '2/3.5', '3/3.5', '3.5/3.5'])
})

test('the info hash depends on the payload and on what belongs to its identity, not on the rest', async () => {
  const { env } = makeWorld()
  const make = async (options: object): Promise<string> =>
    Buffer.from((await createMetainfo('/data/set', env, options)).infoHash).toString('hex')
  const plain = await make({})
  expect(await make({ comment: 'x', trackers: [['http://t/announce']] })).toBe(plain)
  expect(await make({ isPrivate: true })).not.toBe(plain)
  expect(await make({ pieceLength: PIECE })).not.toBe(plain)
})

test.each([0, 1, PIECE / 2, PIECE + 1, 24_576, 2 ** 25, NaN])(
  'a piece length of %d is refused',
  async (pieceLength) => {
    await expect(createMetainfo('/data/set', makeWorld().env, { pieceLength })).rejects.toMatchObject({
      code: 'meta.bad-field',
    })
  },
)

test('names that nobody could download are refused before anything is hashed', async () => {
  const { env } = makeWorld()
  const scan: ScanPayload = async (path) => ({
    ...(await env.scan(path)),
    files: [
      { path: ['A'], length: 1 },
      { path: ['a'], length: 1 },
    ],
  })
  const disk = {
    digest: () => {
      throw new Error('was hashed')
    },
  }
  await expect(createMetainfo('/data/set', { scan, disk, hashes })).rejects.toMatchObject({
    code: 'meta.unsafe-path',
  })
})

test('aborting ends the hashing with the reason', async () => {
  const { env } = makeWorld()
  const abort = new AbortController()
  const making = createMetainfo('/data/set', env, {
    pieceLength: PIECE,
    signal: abort.signal,
    onProgress: () => abort.abort(new Error('enough')),
  })
  await expect(making).rejects.toThrow('enough')
})

const A = { path: ['a'], length: 2.5 * PIECE }
const B = { path: ['b'], length: PIECE }
const NEW = { path: ['aa'], length: 1 }
test.each([
  ['grew', { files: [A, { ...B, length: PIECE + 1 }] }, '/data/set/b'],
  ['was written to', { modifiedAt: [2, 1] }, '/data/set/a'],
  ['is gone', { files: [A], modifiedAt: [1] }, '/data/set'],
  ['was added', { files: [A, NEW, B], modifiedAt: [1, 1, 1] }, '/data/set'],
])('no metainfo is made when a file %s while the payload is hashed', async (_, change, name) => {
  const { env } = makeWorld()
  let scans = 0
  const scan: ScanPayload = async (path) => ({ ...(await env.scan(path)), ...(++scans > 1 && change) })
  await expect(createMetainfo('/data/set', { ...env, scan })).rejects.toMatchObject({
    code: 'disk.changed',
    message: `${name} changed while it was being hashed`,
  })
})

const ALL_READ = { unreadPieces: [], unread: [] }

test('verifying names the bad pieces, the files that they touch, and nothing else', async () => {
  const { disk, env } = makeWorld()
  const metainfo = await createMetainfo('/data/set', env, { pieceLength: PIECE })
  const verify = () => verifyPayload(metainfo, { path: '/data/set', disk })
  expect(await verify()).toEqual({ ...ALL_READ, badPieces: [], badFiles: [], pieceCount: 4 })
  disk.flipBit('/data/set/b', PIECE - 1)
  expect(await verify()).toEqual({ ...ALL_READ, badPieces: [3], badFiles: ['b'], pieceCount: 4 })
  disk.flipBit('/data/set/b', 0)
  expect(await verify()).toMatchObject({ badPieces: [2, 3], badFiles: ['a', 'b'] })
})

test('padding is verified as zeros, and is never named as a bad file', async () => {
  const { disk, env } = makeWorld()
  const metainfo = await createMetainfo('/data/set', env, { pieceLength: PIECE })
  const padded = {
    ...metainfo,
    geometry: new PieceGeometry(PIECE, [
      { path: ['a'], length: 2.5 * PIECE },
      { path: ['.pad'], length: 1.5 * PIECE, isPadding: true },
    ]),
    digests: Buffer.concat([metainfo.digests.subarray(0, 60), hashes.sha1(new Uint8Array(PIECE))]),
  }
  const verify = () => verifyPayload(padded, { path: '/data/set', disk })
  expect(await verify()).toEqual({ ...ALL_READ, badPieces: [2], badFiles: ['a'], pieceCount: 4 })
})

test('what cannot be read is not good: verifying names the file and the cause, and says of the rest what it is', async () => {
  const { disk, env } = makeWorld()
  const metainfo = await createMetainfo('/data/set', env, { pieceLength: PIECE })
  const verify = (onProgress?: () => void) =>
    verifyPayload(metainfo, { path: '/data/set', disk }, { onProgress })
  disk.flipBit('/data/set/a', 0)
  disk.spoil('/data/set/b', 0)
  expect(await verify()).toEqual({
    badPieces: [0, 2, 3],
    unreadPieces: [2, 3],
    unread: [expect.objectContaining({ code: 'disk.io', message: '/data/set/b: a bad sector' })],
    badFiles: ['a', 'b'],
    pieceCount: 4,
  })
  // It was there when it was opened: that is no payload that differs, but one that somebody is changing.
  const { badPieces, unread } = await verify(() => disk.removeFile('/data/set/b'))
  expect([badPieces, unread]).toEqual([
    [0, 2, 3],
    [
      expect.objectContaining({
        code: 'disk.changed',
        message: expect.stringContaining('/data/set/b') as unknown,
      }),
    ],
  ])
})

test('of a payload whose files are not all there, or not as long as they should be, the rest is verified', async () => {
  const { disk, content, env } = makeWorld()
  const metainfo = await createMetainfo('/data/set', env, { pieceLength: PIECE })
  const verify = () => verifyPayload(metainfo, { path: '/data/set', disk })
  disk.writeFile('/data/set/a', Buffer.concat([content.subarray(0, 2.5 * PIECE), Buffer.of(1)]))
  const tooLong = { code: 'disk.wrong-size', message: expect.stringContaining('/data/set/a has') as unknown }
  expect(await verify()).toMatchObject({ ...ALL_READ, badPieces: [], amiss: tooLong })
  disk.writeFile('/data/set/a', content.subarray(0, PIECE + 1))
  expect(await verify()).toMatchObject({ ...ALL_READ, badPieces: [1, 2], amiss: tooLong })
  disk.removeFile('/data/set/a')
  expect(await verify()).toMatchObject({
    ...ALL_READ,
    badPieces: [0, 1, 2],
    badFiles: ['a', 'b'],
    amiss: { code: 'disk.missing', message: '/data/set/a is not there' },
  })
})

test('of a disk that reads nothing any more not every file is named', async () => {
  const { disk, content, env } = makeWorld()
  const names = Array.from({ length: 50 }, (_, nth) => `f${nth}`)
  const piece = content.subarray(0, PIECE)
  for (const name of names) disk.writeFile(`/data/many/${name}`, piece)
  const metainfo = await createMetainfo('/data/set', env, { pieceLength: PIECE })
  const many = {
    ...metainfo,
    geometry: new PieceGeometry(
      PIECE,
      names.map((name) => ({ path: [name], length: PIECE })),
    ),
    digests: Buffer.concat(names.map(() => hashes.sha1(piece))),
  }
  for (const name of names) disk.spoil(`/data/many/${name}`, 0)
  const { unreadPieces, unread } = await verifyPayload(many, { path: '/data/many', disk })
  expect([unreadPieces.length, unread.length]).toEqual([50, MAX_UNREAD_CAUSES])
})

test('verifying what is not there fails with the reason', async () => {
  const { disk, env } = makeWorld()
  const metainfo = await createMetainfo('/data/set', env)
  await expect(verifyPayload(metainfo, { path: '/data/other', disk })).rejects.toMatchObject({
    code: 'disk.missing',
  })
})
