/** The server of the npm package `bittorrent-tracker`: HTTP and UDP on one port, over IPv4 and IPv6. */
import { fileURLToPath } from 'node:url'
import { HERE, type Host } from './netns.ts'
import type { TrackerUrls } from './opentracker.ts'
import { packageVersion, type Requirement } from './requirements.ts'
import type { Scene } from './scene.ts'

const SCRIPT = fileURLToPath(new URL('node-tracker-server.mjs', import.meta.url))

export const nodeTracker: Requirement = {
  name: 'bittorrent-tracker',
  version: () => packageVersion('bittorrent-tracker'),
}

export async function startNodeTracker(
  scene: Scene,
  host: Host = HERE,
): Promise<{ readonly v4: TrackerUrls; readonly v6: TrackerUrls }> {
  const address = await scene.freeAddress(host)
  const port = address.split(':')[1]!
  const words = [SCRIPT, port, host.address, host.address6]
  const server = scene.spawn('bittorrent-tracker', process.execPath, words, { host })
  await server.until('listening', () => /^listening$/m.test(server.output))
  const urls = (authority: string): TrackerUrls => ({
    http: `http://${authority}/announce`,
    udp: `udp://${authority}/announce`,
  })
  return { v4: urls(address), v6: urls(`[${host.address6}]:${port}`) }
}
