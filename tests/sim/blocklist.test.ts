/** Addresses that a node was told to keep away from, under virtual time. */
import { expect, test } from 'vitest'
import { SimSwarm } from '../../src/app/sim/swarm.ts'
import { parseBlocklist } from '../../src/peer/blocklist-file.ts'
import { hashes } from '../support/hashes.ts'

const MINUTE = 60_000
/** The first three machines of a swarm. */
const FILTER = parseBlocklist(new TextEncoder().encode('Unwanted:10.0.0.1-10.0.0.3'), 'list')

function blocked(sim: SimSwarm): unknown[] {
  return sim.log
    .filter((line) => line.includes('"peer_blocked"'))
    .map((line) => {
      const { peer, direction, rule } = JSON.parse(line.slice(line.indexOf('{'))) as Record<string, string>
      return [direction, peer!.replace(/:.*/, ''), rule]
    })
}

test('a candidate on the list is not dialled; the others are', async () => {
  const sim = new SimSwarm({ seed: 1, hashes })
  const unwanted = [await sim.seeder(), await sim.seeder(), await sim.seeder()]
  const welcome = await sim.seeder()
  const leecher = await sim.leecher({ node: { filter: FILTER }, peers: [...unwanted, welcome] })
  const dialled: string[] = []
  const dial = leecher.host.dial.bind(leecher.host)
  leecher.host.dial = (to, ...rest) => {
    dialled.push(to.host)
    return dial(to, ...rest)
  }

  sim.runUntil(() => leecher.session.isComplete, { withinMs: 5 * MINUTE })

  expect(new Set(dialled)).toEqual(new Set([welcome.host.address]))
  expect(blocked(sim)).toEqual(unwanted.map(({ host }) => ['out', host.address, 'Unwanted']))
  for (const { session } of unwanted) expect(session.snapshot().uploaded).toBe(0)
})

test('a caller on the list is turned away before a word', async () => {
  const sim = new SimSwarm({ seed: 2, hashes })
  const callers = [await sim.node(), await sim.node(), await sim.node()]
  const seeder = await sim.seeder({ node: { filter: FILTER } })
  for (const { node } of callers)
    node.addSession({ metainfo: sim.metainfo, path: '/data/x', mode: 'download', peers: [seeder.address] })

  sim.runUntil(() => blocked(sim).length >= 3, { withinMs: MINUTE })

  expect(seeder.session.snapshot().uploaded).toBe(0)
  expect(blocked(sim)).toEqual(expect.arrayContaining([['in', callers[0]!.host.address, 'Unwanted']]))
  expect(sim.log.some((line) => line.includes('joined_to_peer'))).toBe(false)
})
