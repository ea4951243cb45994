/** A node may be closed by whoever hears of an event, whatever the event is: it ends in order, and the next one goes on from there. */
import { expect, test } from 'vitest'
import type { MachineEvent } from '../../../src/app/sim/faults/machine.ts'
import { stopAtEvents } from './stop-at-events.ts'

type Name = MachineEvent['event']

const OFTEN: readonly Name[] =
  'complete dht_announced hash_fail have joined_to_peer lan_peer listen metadata peer_failed peer_left peer_refused pex request resume tracker_announce tracker_error unchoke webseed_joined'.split(
    ' ',
  ) as Name[]

test('in swarms with faults that meet in every way, and in which each machine is stopped at its first event of each name', async () => {
  const names = new Set<Name>()
  for (let seed = 7; seed <= 28; seed++) for (const name of await stopAtEvents(seed)) names.add(name)
  expect([...names]).toEqual(expect.arrayContaining([...OFTEN]))
})

test('in those in which disks have troubles, at the first of each kind', async () => {
  const names = new Set<Name>()
  for (const seed of [10, 13, 24, 40, 91])
    for (const name of await stopAtEvents(seed, ['disk_doubt', 'disk_verdict', 'disk_error'])) names.add(name)
  expect([...names].toSorted()).toEqual(['disk_doubt', 'disk_error', 'disk_verdict'])
})
