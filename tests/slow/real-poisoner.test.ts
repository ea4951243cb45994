/** A liar on raw sockets among real seeders: the download ends right, and the liar is banned with what it sent as evidence. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readMetainfo } from '../../src/app/library.ts'
import { SystemClock } from '../../src/app/node/clock.ts'
import { listenTcp } from '../../src/app/node/tcp.ts'
import { formatEndpoint } from '../../src/protocol/endpoint.ts'
import { idFrom, type PeerId } from '../../src/protocol/ids.ts'
import type { Listener } from '../../src/protocol/ports.ts'
import { Poisoner, type Script } from '../support/poisoner.ts'
import { Nodes } from '../e2e/nodes.ts'

let nodes: Nodes
let listener: Listener | undefined
beforeEach(() => {
  nodes = new Nodes()
})
afterEach(() => {
  listener?.close()
  expect(nodes.close()).toEqual([])
})

/** @returns its address */
async function poisoner(script: Script): Promise<string> {
  const metainfo = await readMetainfo(nodes.path('model.bin.bit'))
  const liar = new Poisoner({
    metainfo,
    payload: new Uint8Array(readFileSync(nodes.path('model.bin'))),
    peerId: () => idFrom<PeerId>(new Uint8Array(randomBytes(20))),
    clock: new SystemClock(),
    script,
  })
  listener = await listenTcp('127.0.0.1:0', 100)
  listener.onStream = (stream) => liar.speak(stream)
  return formatEndpoint(listener.local[0]!)
}

const ALL_BAD: Script = { isBad: () => true }

test.each<[what: string, script: Script, blocks: number | undefined]>([
  ['sends one bad block of a piece that others complete', { ...ALL_BAD, chokesAfter: 1 }, 1],
  ['sends whole bad pieces', ALL_BAD, undefined],
])('who %s', { timeout: 60_000 }, async (_what, script, blocks) => {
  await nodes.make('model.bin', 4 * 2 ** 20)
  const seeders = await Promise.all([1, 2].map(() => nodes.seed('model.bin', '-max-up 1MiB')))
  const honest = seeders.map(({ address }) => address)
  const liar = await poisoner(script)
  const leecher = nodes.start('leecher', `-get model.bin.bit -dest out -peer ${[liar, ...honest].join(',')}`)
  expect(await nodes.end(leecher)).toBe(0)
  expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))

  // What was complete already when the first of them was judged is judged, too.
  const failed = leecher.seen('hash_fail')
  for (const { peers } of failed) expect(peers).toContain(liar)
  const bans = leecher.seen('peer_banned')
  expect(bans).toMatchObject([{ peer: liar, pieces: [failed[0]!['piece']] }])
  expect((bans[0]!['blocks'] as number[] | undefined)?.length).toBe(blocks)
  const left = leecher.seen('peer_left').filter(({ reason }) => reason === 'banned')
  expect(left.map(({ peer }) => peer)).toEqual([liar])
})
