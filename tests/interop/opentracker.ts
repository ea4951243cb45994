/** opentracker, HTTP and UDP on one IPv4 port. Debian's serves only the torrents on its list. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HERE, type Host } from './netns.ts'
import type { Requirement } from './requirements.ts'
import type { Scene } from './scene.ts'

const PROGRAM = '/usr/bin/opentracker'
/** Started by root it insists on becoming somebody else. */
const USER = 'nobody'

export const opentracker: Requirement = {
  name: 'opentracker',
  // It has no flag that only makes it say what it is.
  version: () => (existsSync(PROGRAM) ? 'opentracker' : undefined),
}

/** Where a tracker is announced to. */
export interface TrackerUrls {
  readonly http: string
  readonly udp: string
}

/** @param infoHashes the torrents that it shall serve, in hex */
export async function startOpentracker(
  scene: Scene,
  infoHashes: readonly string[],
  host: Host = HERE,
): Promise<TrackerUrls> {
  const address = await scene.freeAddress(host)
  const port = Number(address.split(':')[1])
  // It makes this folder its root and then reads the list as that somebody.
  const folder = scene.newFolder()
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'whitelist'), infoHashes.map((infoHash) => `${infoHash}\n`).join(''))
  const where = ['-i', host.address, '-p', `${port}`, '-P', `${port}`]
  const words = [...where, '-d', folder, '-u', USER, '-w', 'whitelist']
  const process = scene.spawn('opentracker', PROGRAM, words, { host, cwd: folder })
  await process.until('listening', () => process.isListeningOn(port))
  return { http: `http://${address}/announce`, udp: `udp://${address}/announce` }
}
