/** WebTorrent 3.0.21 from this folder's own packages, over TCP alone. */
import { fileURLToPath } from 'node:url'
import type { ForeignClient, Job, RunningClient } from './client.ts'
import { packageVersion } from './requirements.ts'
import { startScript } from './scripted-client.ts'

const SCRIPT = fileURLToPath(new URL('webtorrent-client.mjs', import.meta.url))

export const webtorrent: ForeignClient = {
  name: 'WebTorrent',
  canDial: true,

  version: () => packageVersion('webtorrent'),

  start: (job: Job): Promise<RunningClient> => startScript(process.execPath, SCRIPT, job),
}
