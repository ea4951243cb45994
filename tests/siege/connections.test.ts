/** Attacks by peers that connect, and do little else. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect, type Socket } from 'node:net'
import { encodeHandshake } from '../../src/protocol/handshake.ts'
import { idFrom, type InfoHash, type PeerId } from '../../src/protocol/ids.ts'
import { encodeInterested, encodeKeepAlive } from '../../src/protocol/message.ts'
import { PATIENCE_MS, Siege, type Victim } from './siege.ts'

let siege: Siege
let victim: Victim
const sockets: Socket[] = []
beforeEach(async () => {
  siege = await Siege.lay()
  victim = await siege.seeder()
})
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  siege.lift()
})

/** Connections on which nothing is said, or what `say` says once they are up. */
function connections(count: number, from: (at: number) => string, say?: (socket: Socket) => void): void {
  const [host = '', port] = victim.address.split(':')
  for (let at = 0; at < count; at++) {
    const socket = connect({ host, port: Number(port), localAddress: from(at) })
    socket.on('error', () => {})
    if (say) socket.once('connect', () => say(socket))
    sockets.push(socket)
  }
}

test('three thousand connections of one address that say nothing', async () => {
  connections(3_000, () => '127.66.0.1')
  await victim.survives()
  expect(victim.process.seen('peer_refused').length).toBeGreaterThan(1_000)
})

test('connections of two hundred addresses that drip their handshakes', async () => {
  const handshake = encodeHandshake({
    infoHash: siege.metainfo.infoHash,
    peerId: idFrom<PeerId>(new Uint8Array(20)),
    hasExtensions: true,
    hasFast: false,
  })
  connections(
    1_000,
    (at) => `127.66.1.${(at % 200) + 1}`,
    (socket) => socket.write(handshake.subarray(0, 1)),
  )
  await victim.survives()
})

test('connections that come and go as fast as they can', async () => {
  let isOver = false
  let calls = 0
  const manyCalls = Promise.withResolvers<void>()
  const again = (): void => {
    if (isOver) return
    if (++calls === 500) manyCalls.resolve()
    connections(
      1,
      () => '127.66.0.1',
      (socket) => socket.destroy(),
    )
    sockets.pop()!.once('close', again)
  }
  for (let i = 0; i < 64; i++) again()
  const [seconds] = await Promise.all([victim.serves(), manyCalls.promise])
  isOver = true
  await victim.survives(seconds)
})

test('every slot taken by one address that wants everything and asks for nothing', async () => {
  const attackers = await Promise.all(Array.from({ length: 50 }, () => victim.call({ from: '127.66.0.1' })))
  for (const attacker of attackers) attacker.send(encodeInterested())
  await victim.process.waitFor(() => victim.process.seen('joined_to_peer').length >= 50, PATIENCE_MS)
  const beat = setInterval(() => {
    connections(1, () => '127.66.0.1')
    for (const attacker of attackers) attacker.send(encodeKeepAlive())
  }, 50)
  const seconds = await victim.serves()
  clearInterval(beat)
  const yielded = victim.process.seen('peer_left').filter(({ reason }) => /made room/.test(String(reason)))
  expect(yielded).not.toEqual([])
  for (const { peer } of yielded) expect(peer).toMatch(/^127\.66\./)
  await victim.survives(seconds)
})

test('more connections than there are descriptors', async () => {
  victim = await siege.seederWith(192)
  for (let joined = 1; joined <= 50; joined++) {
    const attacker = await victim.call({ from: '127.66.0.1' })
    attacker.send(encodeInterested())
    await victim.process.waitFor(({ peer }) => peer === attacker.name, PATIENCE_MS)
  }
  connections(1_000, (at) => `127.66.1.${(at % 200) + 1}`)
  await victim.process.waitFor('peer_refused', PATIENCE_MS)
  victim.process.signal('SIGUSR2')
  expect(await victim.process.waitFor('stats', PATIENCE_MS)).toHaveProperty('rss')
  await victim.survives()
})

test('handshakes for torrents that nobody has', async () => {
  for (let at = 0; at < 200; at++) {
    const attacker = await victim.call({ isSilent: true })
    attacker.shake(idFrom<InfoHash>(new Uint8Array(20).fill(at)))
  }
  const stranger = await victim.call({ isSilent: true })
  stranger.shake(idFrom<InfoHash>(new Uint8Array(20).fill(255)))
  expect(await victim.verdictOn(stranger)).toBe('wire.wrong-info-hash')
  await victim.survives()
})

test('other protocols at the port for peers', async () => {
  for (const words of [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001',
    '\u0013BitTorrent protocoL',
  ]) {
    const attacker = await victim.call({ isSilent: true })
    attacker.send(Buffer.from(words, 'latin1'))
    expect(await victim.verdictOn(attacker)).toBe('wire.not-bittorrent')
  }
  await victim.survives()
})
