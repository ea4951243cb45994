/** One process that sends junk at a given rate, from loopback addresses of its own, and receives nothing. */
import { createSocket, type Socket } from 'node:dgram'
import { randomBytes } from 'node:crypto'
import type { Endpoint } from '../../src/protocol/endpoint.ts'

export interface FloodOrder {
  readonly target: Endpoint
  /** Its sockets are bound to `127.<block>.<socket>.1`. */
  readonly block: number
  readonly sockets: number
  readonly perSecond: number
  readonly seconds: number
}

export interface FloodResult {
  readonly sent: number
}

/** Half of it starts like a message, so that it passes the first check. */
const JUNK = Array.from({ length: 64 }, (_, i) => {
  const bytes = randomBytes(600)
  if (i % 2 === 0) {
    for (let at = 0; at < bytes.length; at++) bytes[at] = 0x20 + (bytes[at]! % 0x5a)
    bytes[0] = 0x7b
    bytes[bytes.length - 1] = 0x7d
  }
  return bytes
})

process.on('message', (order: FloodOrder) => {
  void flood(order).then((result) => process.send!(result))
})
process.once('disconnect', () => process.exit(0))

async function flood({ target, block, sockets, perSecond, seconds }: FloodOrder): Promise<FloodResult> {
  const open = await Promise.all(
    Array.from({ length: sockets }, (_, index) => bound(`127.${block}.${index}.1`)),
  )
  const start = performance.now()
  let sent = 0
  await new Promise<void>((resolve) => {
    const go = (): void => {
      const passed = (performance.now() - start) / 1_000
      if (passed >= seconds) return resolve()
      // In batches, so that the process gets to send them.
      for (let n = 0; n < 100 && sent < passed * perSecond; n++, sent++)
        open[sent % sockets]!.send(JUNK[sent % JUNK.length]!, target.port, target.host)
      setImmediate(go)
    }
    go()
  })
  for (const socket of open) socket.close()
  return { sent }
}

function bound(host: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', lookup: (name, _options, found) => found(null, name, 4) })
  return new Promise((resolve) => {
    socket.bind(0, host, () => resolve(socket))
  })
}
