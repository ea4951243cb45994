/** Storms of datagrams at the DHT's port; peers find each other through it all the same. */
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freePort } from '../../scripts/free-ports.ts'
import { PATIENCE_MS, Siege, type Victim } from './siege.ts'

let siege: Siege
let victim: Victim
let dht: string
const sockets: Socket[] = []
beforeEach(async () => {
  siege = await Siege.lay()
  dht = `127.0.0.1:${await freePort('127.0.0.1')}`
  victim = await siege.seeder('-dht-listen', dht)
})
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close()
  siege.lift()
})

const NOISE = [randomBytes(1_400), randomBytes(100), Buffer.alloc(1_400, '['), Buffer.alloc(0)]
let sentOfNoise = 0

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
const id = (): string => randomBytes(20).toString('hex')

test.each<[string, () => Buffer]>([
  ['noise, brackets and nothing', () => NOISE[sentOfNoise++ % NOISE.length]!],
  ['the largest that there are', () => Buffer.alloc(60_000, 0x7b)],
  ['JSON that is no message', () => json({ __proto__: { a: 1 }, constructor: 1, ['x'.repeat(1_000)]: [] })],
  ['messages of ever new nodes', () => json({ v: 1, type: 'ping', t: id().slice(0, 8), id: id() })],
  [
    'announces of ever new torrents',
    () =>
      json({ v: 1, type: 'announce', t: id().slice(0, 8), id: id(), infoHash: id(), port: 1, token: 'x' }),
  ],
])(
  '%s, fifty thousand',
  async (_what, next) => {
    for (let at = 0; at < 4; at++) {
      const socket = createSocket('udp4')
      sockets.push(socket)
      socket.on('error', () => {})
      await new Promise<void>((resolve) => socket.bind(0, `127.66.3.${at + 1}`, resolve))
    }
    const [host, port] = dht.split(':')
    const storm = (async () => {
      for (let sent = 0; sent < 50_000; sent += 100) {
        for (let i = 0; i < 100; i++) sockets[i % 4]!.send(next(), Number(port), host, () => {})
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    await siege.downloadThrough(dht)
    await storm
    await victim.survives()
    expect(victim.process.seen('error')).toEqual([])
  },
  3 * PATIENCE_MS,
)
