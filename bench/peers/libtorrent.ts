/** libtorrent through its Python binding, which Debian builds for its own interpreter only. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startDriver } from '../driver.ts'
import type { Client } from '../client.ts'

const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('libtorrent-client.py', import.meta.url))

/** With its default settings. */
export const libtorrent: Client = variant('libtorrent', 'stock')

/** With settings for a few fast connections, which are in the script. */
export const tunedLibtorrent: Client = variant('libtorrent-tuned', 'tuned')

function variant(name: string, profile: 'stock' | 'tuned'): Client {
  return {
    name,
    canDial: true,
    hasLoopbackPeers: true,
    version() {
      const { status, stdout } = spawnSync(
        PYTHON,
        ['-c', 'import libtorrent; print(libtorrent.__version__)'],
        {
          encoding: 'utf8',
        },
      )
      return status === 0 ? stdout.trim() : undefined
    },
    start: (job) => startDriver([PYTHON, SCRIPT, profile], job),
  }
}
