/** libtorrent 2.0.8 through its Python binding, which Debian builds for its own interpreter only. */
import { fileURLToPath } from 'node:url'
import type { ForeignClient, Job, RunningClient } from './client.ts'
import { firstLine } from './foreign-process.ts'
import { startScript } from './scripted-client.ts'

const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('libtorrent-client.py', import.meta.url))

export const libtorrent: ForeignClient = {
  name: 'libtorrent',
  canDial: true,

  version: () => firstLine(PYTHON, ['-c', 'import libtorrent; print("libtorrent", libtorrent.__version__)']),

  start: (job: Job): Promise<RunningClient> => startScript(PYTHON, SCRIPT, job),
}
