/** Ports for child processes: free for TCP and for UDP alike. */
import { createSocket } from 'node:dgram'
import getPort from 'get-port'

/** Ports tried before giving up: if each of so many free TCP ports were taken for UDP, something else would be wrong. */
const MAX_TRIES = 50

const given = new Set<number>()

/** @returns a port that was free a moment ago on `host`, and that no earlier call returned */
export async function freePort(host: string): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = await getPort({ host, exclude: given })
    given.add(port)
    if (await isFreeForUdp(port, host)) return port
  }
  throw new Error(`no port on ${host} is free for both TCP and UDP`)
}

async function isFreeForUdp(port: number, host: string): Promise<boolean> {
  const socket = createSocket('udp4')
  return new Promise((resolve) => {
    socket.once('error', () => socket.close(() => resolve(false)))
    socket.bind(port, host, () => socket.close(() => resolve(true)))
  })
}
