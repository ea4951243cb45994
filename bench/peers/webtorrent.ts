/** WebTorrent over TCP alone, from the packages of the interop suite. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startDriver } from '../driver.ts'
import type { Client } from '../client.ts'

const SCRIPT = fileURLToPath(new URL('webtorrent-client.mjs', import.meta.url))
const MANIFEST = new URL('../../tests/interop/node_modules/webtorrent/package.json', import.meta.url)

export const webtorrent: Client = {
  name: 'WebTorrent',
  canDial: true,
  hasLoopbackPeers: true,

  version() {
    if (!existsSync(MANIFEST)) return undefined
    return (JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string }).version
  },

  start: (job) => startDriver([process.execPath, SCRIPT], job),
}
