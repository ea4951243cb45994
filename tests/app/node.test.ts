/** What a node takes from whoever embeds it, what it refuses, and what it keeps of sessions that have gone. */
import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import type { Environment } from '../../src/app/environment.ts'
import { Node } from '../../src/app/node.ts'
import type { PeerSnapshot } from '../../src/app/peer-snapshot.ts'
import { describeShortage } from '../../src/app/session-snapshot.ts'
import { PAYLOAD_PATH, SimSwarm } from '../../src/app/sim/swarm.ts'
import { magnetOf } from '../../src/metainfo/magnet.ts'
import { hashes } from '../support/hashes.ts'

test('a closed node takes no torrent: its sockets and disk are gone', async () => {
  const sim = new SimSwarm({ seed: 1, hashes })
  const { node } = await sim.node()
  void node.close()

  expect(() => node.addSession({ metainfo: sim.metainfo, path: PAYLOAD_PATH, mode: 'download' })).toThrow(
    expect.objectContaining({ code: 'config.usage', message: 'the node is closed: start another one' }),
  )
  expect(node.sessions).toEqual([])
})

test.each([
  [{ maxPeers: 0 }, 'maxPeers 0'],
  [{ maxPeers: 1.5 }, 'maxPeers 1.5'],
  [{ maxUp: 0 }, 'maxUp 0'],
  [{ maxDown: -5 }, 'maxDown -5'],
  [{ maxDown: Number.NaN }, 'maxDown NaN'],
])('limits %o are refused: with them nothing would move', async (limits, named) => {
  const sim = new SimSwarm({ seed: 1, hashes })
  await expect(sim.node({ node: limits })).rejects.toMatchObject({
    code: 'config.value',
    message: expect.stringContaining(named),
  })
})

test('more peers than the process can have sockets for are refused', async () => {
  const env = { maxConnections: 96 } as Environment
  await expect(Node.open(env, { maxPeers: 73 })).rejects.toMatchObject({
    code: 'config.value',
    message: 'maxPeers 73: this process may have so few files open that 72 is the most (ulimit -n)',
  })
})

test.each([
  [{ tcpListen: 'x' }, "tcpListen: 'x' is not an address: expected host:port, [v6]:port or :port"],
  [{ dhtListen: ':x' }, "dhtListen: ':x' is not an address: expected host:port, [v6]:port or :port"],
  [{ bootstrap: [':1', 'x:99999'] }, "bootstrap: 'x:99999' is not an address: the port is above 65535"],
])('an address that is none is refused with the name of its option: %o', async (options, message) => {
  const opening = Node.open({ maxConnections: 100 } as Environment, options)
  await expect(opening).rejects.toMatchObject({ code: 'config.value', message })
})

test('the more peers there may be, the more connections the listener takes: silent callers have room beside them', async () => {
  const env = {
    maxConnections: 10_000,
    listenTcp: (_address: string, maxAccepted: number) => Promise.reject(new Error(`${maxAccepted} taken`)),
  } as Partial<Environment> as Environment
  await expect(Node.open(env, { tcpListen: ':0', maxPeers: 2_000 })).rejects.toThrow('4048 taken')
})

test.each([
  [[], /: no peer was found; name one with -peer/],
  [['10.9.9.9:6881'], /: 1 peer was found, none is connected$/],
])('who gives up says whether anybody was there: %o', async (peers, said) => {
  const sim = new SimSwarm({ seed: 1, hashes })
  const { session } = await sim.leecher({
    session: { timeoutMs: 3_000 },
    peers: peers.map((address) => ({ address })),
  })
  let failure: unknown
  void session.whenFailed().then((error) => (failure = error))
  sim.runUntil(() => session.state === 'failed', { withinMs: 60_000 })
  await Promise.resolve()

  expect(failure).toMatchObject({ code: 'net.no-peers', message: expect.stringMatching(said) })
})

test.each([
  ['........', /: 1 peer was found, 1 connected: nobody offers any piece$/],
  ['####.###', /: 1 peer was found, 1 connected: nobody offers more than 7 of the 8 pieces$/],
])('who gives up among peers that lack something says so: %o', async (has, said) => {
  const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: 8 * 64 * 1024 })
  const other = await sim.leecher({ has })
  const { session } = await sim.leecher({ session: { timeoutMs: 3_000 }, peers: [other] })
  let failure: unknown
  void session.whenFailed().then((error) => (failure = error))
  sim.runUntil(() => session.state === 'failed', { withinMs: 60_000 })
  await Promise.resolve()

  expect(failure).toMatchObject({ code: 'net.no-peers', message: expect.stringMatching(said) })
})

test('who offers something that is missing and does not send it is no reason to miss somebody else', () => {
  const peer = { peer: '10.9.9.9:6881', downloaded: 0, uploaded: 0, downRate: 0, upRate: 0, inFlight: 0 }
  const shortage = (...peers: Pick<PeerSnapshot, 'state' | 'have'>[]): string | undefined =>
    describeShortage({ pieces: 8, peers: peers.map((each) => ({ ...peer, ...each })) })
  const spent = { state: 'waiting', have: 3 } as const
  expect(shortage(spent)).toBe('nobody offers more than 3 of the 8 pieces')
  // A seeder that shows a few pieces at a time chokes us now.
  expect(shortage(spent, { state: 'choking', have: 2 })).toBeUndefined()
  expect(shortage(spent, { state: 'downloading', have: 1 })).toBeUndefined()
  expect(shortage(spent, { state: 'waiting', have: 8 })).toBeUndefined()
})

test('a session that is closed leaves nothing at the signal that could have closed it', async () => {
  const sim = new SimSwarm({ seed: 1, hashes })
  const { signal } = new AbortController()
  const { node, session } = await sim.leecher({ session: { signal } })
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  const closed = session.close()
  sim.clock.runUntil(1_000)
  await closed
  expect(node.sessions).toEqual([])
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('metainfo that comes when a session has ended brings it back to nothing', async () => {
  const sim = new SimSwarm({ seed: 3, hashes })
  const { node, disk } = await sim.node()
  const session = node.addMagnet(magnetOf(sim.metainfo), { timeoutMs: 5_000 })
  const failure = session.whenFailed()
  sim.clock.runUntil(6_000)
  expect((await failure).code).toBe('net.no-peers')

  session.open({ metainfo: sim.metainfo, path: PAYLOAD_PATH, mode: 'download' })
  sim.clock.runUntil(60_000)

  expect(session.state).toBe('failed')
  expect(disk.fileNames()).toEqual([])
  await expect(session.whenComplete()).rejects.toMatchObject({ code: 'net.no-peers' })
})
