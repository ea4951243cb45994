/** WebTorrent 3.0.21 from this folder's own packages, over TCP alone. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { ForeignClient, Job, RunningClient } from './client.ts'
import { startScript } from './scripted-client.ts'

const SCRIPT = fileURLToPath(new URL('webtorrent-client.mjs', import.meta.url))

export const webtorrent: ForeignClient = {
  name: 'WebTorrent',
  canDial: true,

  version() {
    try {
      return (createRequire(import.meta.url)('webtorrent/package.json') as { version: string }).version
    } catch {
      return undefined
    }
  },

  start: (job: Job): Promise<RunningClient> => startScript(process.execPath, SCRIPT, job),
}
