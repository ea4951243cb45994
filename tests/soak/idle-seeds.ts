/**
 * One node of the built library that seeds many torrents of which nobody wants anything. It talks as `bitswarm` does, as far
 * as the soak listens: `complete` once all sessions are, then `stats`.
 *
 *     node tests/soak/idle-seeds.ts <folder> <count> <tcp address> <dht address> <bootstrap address>
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type * as Library from '../../src/app/library.ts'
import { activeResources } from '../../src/app/node/active-resources.ts'
import { opensslHashes } from '../../src/app/node/hashes.ts'
import { buildMetainfo } from '../../src/metainfo/build.ts'

const [folder, count, tcpListen, dhtListen, bootstrap] = process.argv.slice(2) as [string, ...string[]]
const STATS_INTERVAL_MS = 10_000
const LENGTH = 2 ** 16

const library = new URL('../../dist/library.js', import.meta.url).href
const { startNode } = (await import(library)) as typeof Library

const say = (event: string, fields: object): void =>
  void process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)

const node = await startNode({ tcpListen: tcpListen!, dhtListen: dhtListen!, bootstrap: [bootstrap!] })
for (let number = 0; number < Number(count); number++) {
  const path = join(folder, `seed-${number}`)
  const payload = crypto.getRandomValues(new Uint8Array(LENGTH))
  writeFileSync(path, payload)
  const parts = {
    name: `seed-${number}`,
    isSingleFile: true,
    isPrivate: false,
    files: [{ path: [], length: LENGTH }],
    pieceLength: LENGTH,
    digests: opensslHashes.sha1(payload),
  }
  const metainfo = buildMetainfo(parts, opensslHashes)
  await node.addSession({ metainfo, path, mode: 'seed', check: 'none' }).whenComplete()
}
say('complete', {})
const stats = (): object => ({ ...activeResources(), heapUsed: process.memoryUsage().heapUsed })
setInterval(() => say('stats', stats()), STATS_INTERVAL_MS)
