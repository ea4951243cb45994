/** Who is banned for what it sent, and what becomes of others at its address. */
import { beforeEach, expect, test } from 'vitest'
import type { ConnectedPeers } from '../../src/app/connected-peers.ts'
import type { Connector, Offender } from '../../src/app/connector.ts'
import { Culprits, MAX_DEPARTED } from '../../src/app/culprits.ts'
import { MAX_NAMED_BLOCKS } from '../../src/peer/block-evidence.ts'
import type { PeerConnection } from '../../src/peer/connection.ts'
import type { PeerEvent } from '../../src/peer/events.ts'

let connected: Map<number, PeerConnection>
/** Ports that are banned, and the host that they are at: others there are suspect. */
let banned: Set<number>
let events: PeerEvent[]
let said: string[]
let culprits: Culprits

function peer(id: number, { port = id, sent = 1 }: { port?: number; sent?: number } = {}): PeerConnection {
  const endpoint = { host: '10.0.0.1', port }
  return {
    id,
    remote: { address: `10.0.0.1:${port}`, endpoint, listenEndpoint: undefined },
    downlink: { received: { total: sent } },
    close: (reason: string) => said.push(`${id} closed: ${reason}`),
  } as unknown as PeerConnection
}

function join(id: number, options?: { port?: number; sent?: number }): PeerConnection {
  const joined = peer(id, options)
  connected.set(id, joined)
  return joined
}

beforeEach(() => {
  connected = new Map()
  banned = new Set()
  events = []
  said = []
  culprits = new Culprits({
    connector: {
      ban: ({ endpoint }: Offender) => banned.add(endpoint.port),
      isBanned: ({ endpoint }: Offender) => banned.has(endpoint.port),
      isSuspect: () => banned.size > 0,
    } as unknown as Connector,
    peers: {
      get: (id: number) => connected.get(id),
      [Symbol.iterator]: () => connected.values(),
    } as unknown as ConnectedPeers,
    emit: (event) => events.push(event),
    onSuspect: ({ id }) => said.push(`${id} is suspect`),
  })
})

test('whoever alone sent a bad piece is banned for it, whoever sent wrong blocks for those', () => {
  join(1)
  join(2)
  culprits.convict({ id: 1, piece: 7, blocks: undefined })
  const wrong = Array.from({ length: 100 }, (_, block) => block)
  culprits.convict({ id: 2, piece: 8, blocks: wrong })
  expect(events).toEqual([
    {
      event: 'peer_banned',
      peer: '10.0.0.1:1',
      reason: 'it alone sent a piece that does not have its hash',
      pieces: [7],
    },
    {
      event: 'peer_banned',
      peer: '10.0.0.1:2',
      reason: 'it sent blocks that are not those of the piece',
      pieces: [8],
      blocks: wrong.slice(0, MAX_NAMED_BLOCKS),
    },
  ])
})

test('all its connections are closed, and others from there are suspect', () => {
  join(1)
  join(2, { port: 1 })
  join(3)
  culprits.convict({ id: 1, piece: 0, blocks: undefined })
  expect(said).toEqual(['1 closed: banned', '2 closed: banned', '3 is suspect'])
})

test('once is enough', () => {
  join(1)
  for (const piece of [0, 1]) culprits.convict({ id: 1, piece, blocks: undefined })
  expect(events).toHaveLength(1)
})

test('who has left is banned as well, if it had sent anything', () => {
  culprits.remember(peer(1))
  culprits.remember(peer(2, { sent: 0 }))
  for (const id of [1, 2, 3]) culprits.convict({ id, piece: 0, blocks: undefined })
  expect([...banned]).toEqual([1])
})

test('of those that left the latest are remembered', () => {
  for (let id = 1; id <= MAX_DEPARTED + 1; id++) culprits.remember(peer(id))
  for (const id of [1, 2, MAX_DEPARTED + 1]) culprits.convict({ id, piece: 0, blocks: undefined })
  expect([...banned]).toEqual([2, MAX_DEPARTED + 1])
})
