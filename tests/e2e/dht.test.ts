/** DHT nodes as processes: killed and started again, and met by chance. */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SwarmProcess } from '../../scripts/swarm-process.ts'
import { decodeSavedTable, type SavedTable } from '../../src/dht/life/saved-table.ts'
import { toHex } from '../../src/protocol/ids.ts'
import { Nodes } from './nodes.ts'

let nodes: Nodes
beforeEach(() => (nodes = new Nodes()))
afterEach(() => expect(nodes.close()).toEqual([]))

/** A DHT-only node with a state of its own. */
const dhtNode = (name: string, address: string, flags = ''): SwarmProcess =>
  nodes.start(name, `-dht-listen ${address} -state-dir ${name}${flags && ` ${flags}`}`)

const savedBy = (name: string, address: string): SavedTable => {
  const path = nodes.path(name, `dht4_${address.replace(':', '_')}.jsonl`)
  const table = decodeSavedTable(readFileSync(path), 4)
  if (typeof table === 'string') throw new Error(table)
  return table
}

test('a DHT node that was killed comes back with its id and contacts when its bootstrap node is gone', async () => {
  const [hubAt, friendAt, nodeAt] = [
    await nodes.freeAddress(),
    await nodes.freeAddress(),
    await nodes.freeAddress(),
  ]
  const hub = dhtNode('hub', hubAt)
  await nodes.event(hub, 'listen')
  const friend = dhtNode('friend', friendAt, `-bootstrap ${hubAt}`)
  await nodes.event(friend, 'dht_bootstrap')
  const node = dhtNode('node', nodeAt, `-bootstrap ${hubAt}`)
  await nodes.event(node, ({ event, contacts }) => event === 'dht_table_saved' && contacts === 2)
  const { id } = savedBy('node', nodeAt)
  node.kill()
  hub.kill()
  expect(await nodes.end(node)).toBe(128 + 9)
  await nodes.end(hub)

  const again = dhtNode('node', nodeAt)
  const loaded = await nodes.event(again, 'dht_table_loaded')
  expect(loaded).toMatchObject({ contacts: 2, asked: 2, answered: 1 })
  await nodes.event(again, 'dht_bootstrap')
  await again.stop()
  expect(toHex(savedBy('node', nodeAt).id)).toBe(toHex(id))
  expect(savedBy('node', nodeAt).contacts.map(({ endpoint }) => endpoint.port)).toContain(
    Number(friendAt.split(':')[1]),
  )
}, 60_000)

test('a node with a broken state says so once and goes on', async () => {
  const address = await nodes.freeAddress()
  const first = dhtNode('node', address)
  await nodes.event(first, 'listen')
  await first.stop()
  writeFileSync(nodes.path('node', `dht4_${address.replace(':', '_')}.jsonl`), 'something else')
  const again = dhtNode('node', address)
  const { operation, reason } = await nodes.event(again, 'dht_table_failed')
  expect([operation, reason]).toEqual(['load', 'it is not a routing table of this version'])
  await nodes.event(again, 'listen')
  expect(await again.stop()).toBe(0)
}, 60_000)

test('two who exchange a torrent tell each other where their DHT nodes are', async () => {
  const [seedAt, getAt] = [await nodes.freeAddress(), await nodes.freeAddress()]
  await nodes.make('payload', 100_000)
  const { address } = await nodes.seed('payload', `-dht-listen ${seedAt}`)
  const leecher = nodes.start(
    'leecher',
    `-get payload.bit -dest out -peer ${address} -dht-listen ${getAt} -keep -1`,
  )
  const { contacts } = await nodes.event(leecher, 'dht_bootstrap')
  expect(contacts).toBe(1)
  leecher.signal('SIGUSR2')
  const stats = await nodes.event(leecher, 'dht_stats')
  expect(stats).toMatchObject({ family: 4, isReady: true, contacts: 1, dropped: {} })
}, 60_000)
