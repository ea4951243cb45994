/** Downloads that begin with a magnet link: ours from the seeds of others, theirs from ours. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { FROM_SOURCE } from '../../scripts/swarm-process.ts'
import type { ForeignClient } from './client.ts'
import { libtorrent } from './libtorrent.ts'
import { FOLDER } from './payloads.ts'
import { requirements } from './requirements.ts'
import { test } from './scene-test.ts'
import { transmission } from './transmission.ts'
import { webtorrent } from './webtorrent.ts'

const CLIENTS: readonly ForeignClient[] = [libtorrent, transmission, webtorrent]

/** What a command of ours prints. */
function said(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [FROM_SOURCE, ...words], {
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  return stdout.trim()
}

for (const client of CLIENTS) {
  const { title, isSkipped } = requirements('a magnet link', [client])
  describe.skipIf(isSkipped)(title, () => {
    test('is enough for us to download from their seed, and to write the metainfo', async ({ scene }) => {
      const payload = scene.make(FOLDER)
      const seeder = await scene.start(client, 'seed', payload)
      const magnet = `magnet:?xt=urn:btih:${payload.infoHash}&x.pe=${seeder.address}`
      const leecher = await scene.get(magnet, ['-save-metainfo'])
      expect(await leecher.node.exited, leecher.node.epitaph).toBe(0)

      const saved = readdirSync(leecher.folder).filter((name) => name.endsWith('.torrent'))
      expect(saved).toHaveLength(1)
      const description = JSON.parse(said('inspect', join(leecher.folder, saved[0]!), '--json')) as object
      expect(description).toMatchObject({ infoHash: payload.infoHash, name: payload.shape.name })
      expect(leecher.node.seen('metadata')).toMatchObject([
        { infoHash: payload.infoHash, peers: [seeder.address] },
      ])
      expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
    })

    test('that we print is enough for them to download from our seed', async ({ scene }) => {
      const payload = scene.make(FOLDER)
      const source = said('magnet', payload.torrent)
      // Whoever dials starts last.
      const early = client.canDial ? await scene.seed(payload) : undefined
      const peers = early === undefined ? [] : [early.address]
      const leecher = await scene.start(client, 'leech', payload, { source, peers })
      if (early === undefined) await scene.seed(payload, ['-peer', leecher.address])
      expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
    })
  })
}
