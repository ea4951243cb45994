/** Two connections to one peer, of which one has to go. */
import { expect, test } from 'vitest'
import type { Session } from '../../src/app/session.ts'
import { PAYLOAD_PATH, SimSwarm, type SimNode } from '../../src/app/sim/swarm.ts'
import { parseHostPort } from '../../src/protocol/endpoint.ts'
import { encodeHandshake } from '../../src/protocol/handshake.ts'
import { bytesEqual, idFrom, type PeerId } from '../../src/protocol/ids.ts'
import type { ByteStream, StreamHandler } from '../../src/protocol/ports.ts'
import { hashes } from '../support/hashes.ts'

const MINUTES = 60_000
const PIECE = 65_536

function events(sim: SimSwarm, name: string): Record<string, unknown>[] {
  return sim.log
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)
    .filter(({ event }) => event === name)
}

test('two that dial each other at the same time keep one connection', async () => {
  const sim = new SimSwarm({ seed: 18, hashes, payloadBytes: 16 * PIECE })
  const left = await sim.node({ has: '########........' })
  const right = await sim.node({ has: '........########' })
  const open = ({ node }: SimNode, other: SimNode): Session =>
    node.addSession({
      metainfo: sim.metainfo,
      path: PAYLOAD_PATH,
      mode: 'download',
      peers: [other.address],
    })
  const sessions = [open(left, right), open(right, left)]
  let most = 0
  sim.runUntil(
    () => {
      most = Math.max(most, ...sessions.map((session) => session.snapshot().connected))
      return sessions.every((session) => session.isComplete)
    },
    { withinMs: 5 * MINUTES },
  )
  for (const machine of [left, right]) expect(bytesEqual(machine.file()!, sim.payload)).toBe(true)
  expect(most).toBe(1)
  expect(events(sim, 'peer_failed')).toEqual([])
})

test('who calls from another address than that at which it was dialled is not dialled again', async () => {
  const sim = new SimSwarm({ seed: 19, hashes, payloadBytes: 16 * PIECE })
  const { infoHash } = sim.metainfo
  // Of two connections, the one that the greater id has opened stays.
  const peerId = idFrom<PeerId>(new Uint8Array(20).fill(0xff))
  const handshake = encodeHandshake({ infoHash, peerId, hasExtensions: false, hasFast: false })
  const greet = (stream: ByteStream): void => {
    stream.handler = { onData: () => {}, onDrain: () => {}, onClose: () => {} }
    stream.write(handshake)
  }
  let dials = 0
  sim.streams.host('10.1.0.1').listen(6881).onStream = (stream) => {
    dials++
    greet(stream)
  }
  const leecher = await sim.node()
  const session = leecher.node.addSession({
    metainfo: sim.metainfo,
    path: PAYLOAD_PATH,
    mode: 'download',
    peers: ['10.1.0.1:6881'],
  })
  sim.runUntil(() => session.snapshot().connected === 1, { withinMs: MINUTES })
  sim.streams
    .host('10.1.0.2')
    .dial(parseHostPort(leecher.address, ''), 5_000, (result) => greet(result as ByteStream))
  sim.clock.runUntil(sim.clock.now() + MINUTES)

  expect(events(sim, 'peer_left')).toMatchObject([{ peer: '10.1.0.1:6881', reason: 'wire.duplicate' }])
  expect(session.snapshot().connected).toBe(1)
  expect(dials).toBe(1)
})

test('a peer that is reached at a second address turns out to be the same, and is not dialled there again', async () => {
  const sim = new SimSwarm({ seed: 20, hashes, payloadBytes: 16 * PIECE })
  const open = ({ node }: SimNode, peers: string[]): Session =>
    node.addSession({ metainfo: sim.metainfo, path: PAYLOAD_PATH, mode: 'download', peers })
  const other = await sim.node({ has: '########........' })
  const leecher = await sim.node()
  open(other, [])
  let dials = 0
  const secondAddress = sim.streams.host('10.1.0.9')
  secondAddress.listen(6881).onStream = (near) => {
    dials++
    near.pause()
    secondAddress.dial(parseHostPort(other.address, ''), 5_000, (far) => join(near, far as ByteStream))
  }
  const session = open(leecher, [other.address, '10.1.0.9:6881'])
  sim.clock.runUntil(sim.clock.now() + 10 * MINUTES)

  expect(events(sim, 'peer_refused')).toMatchObject([{ reason: 'wire.duplicate' }])
  expect(events(sim, 'peer_failed')).toEqual([])
  expect(session.snapshot().connected).toBe(1)
  expect(dials).toBe(1)
})

test('a connection that the network has dropped without a word costs a download a minute', async () => {
  const sim = new SimSwarm({ seed: 21, hashes, payloadBytes: 16 * PIECE })
  const seeder = await sim.node({ has: '################' })
  const leecher = await sim.node()
  const router = sim.streams.host('10.1.0.9')
  const connections: ByteStream[] = []
  router.listen(6881).onStream = (near) => {
    near.pause()
    router.dial(parseHostPort(seeder.address, ''), 5_000, (far) => {
      join(near, far as ByteStream)
      connections.push(near, far as ByteStream)
    })
  }
  seeder.node.addSession({ metainfo: sim.metainfo, path: PAYLOAD_PATH, mode: 'seed', check: 'none' })
  const session = leecher.node.addSession({
    metainfo: sim.metainfo,
    path: PAYLOAD_PATH,
    mode: 'download',
    peers: ['10.1.0.9:6881'],
  })
  sim.runUntil(() => session.snapshot().have >= 8, { withinMs: MINUTES })
  const forgottenAt = sim.clock.now()
  for (const stream of connections) stream.handler = { onData() {}, onDrain() {}, onClose() {} }
  sim.runUntil(() => session.isComplete, { withinMs: 2 * MINUTES })

  expect(sim.clock.now() - forgottenAt).toBeLessThan(80_000)
  expect(events(sim, 'peer_left')).toMatchObject([
    { peer: '10.1.0.9:6881', reason: 'silent while we wait for blocks' },
    { reason: 'wire.duplicate' },
  ])
})

/** What comes from one stream goes into the other. */
function join(near: ByteStream, far: ByteStream): void {
  const into = (to: ByteStream): StreamHandler => ({
    onData: (chunk) => to.write(chunk.slice()),
    onDrain: () => {},
    onClose: () => to.destroy(),
  })
  near.handler = into(far)
  far.handler = into(near)
  near.resume()
}
