/** A session may be closed by whoever hears of its events, at once: nothing goes on behind its back. */
import { expect, test } from 'vitest'
import { PAYLOAD_PATH, SimSwarm } from '../../src/app/sim/swarm.ts'
import type { SessionEvent } from '../../src/app/session-options.ts'
import { hashes } from '../support/hashes.ts'

const PIECES = 8
const ALL = '#'.repeat(PIECES)
const NONE = '.'.repeat(PIECES)

const isLastPiece = (event: SessionEvent): boolean => event.event === 'have' && event.done === PIECES
const named =
  (name: SessionEvent['event']) =>
  (event: SessionEvent): boolean =>
    event.event === name

test.each([
  ['as soon as its empty payload is open', NONE, 'download', named('resume')],
  ['as soon as its complete payload is open', ALL, 'seed', named('resume')],
  ['at the first connection', NONE, 'download', named('joined_to_peer')],
  ['at the last piece', NONE, 'download', isLastPiece],
  ['when it is complete', NONE, 'download', named('complete')],
  ['when it was complete from the start', ALL, 'download', named('complete')],
  ['when it can be served', ALL, 'seed', named('complete')],
] as const)(
  'one that is closed %s connects to nobody and can be opened again',
  async (_when, has, mode, at) => {
    const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: PIECES * 65_536 })
    const other = await (has === NONE ? sim.seeder() : sim.leecher())
    const abort = new AbortController()
    let joined = 0
    const onEvent = (event: SessionEvent): void => {
      if (abort.signal.aborted && event.event === 'joined_to_peer') joined++
      if (at(event)) abort.abort(new Error('enough'))
    }
    const { disk, node, session } = await sim.machine({
      has,
      peers: [other],
      session: { mode, onEvent, signal: abort.signal },
    })
    const ended = session.whenComplete().then(
      () => 'complete',
      (error: unknown) => (error as Error).message,
    )
    sim.clock.runUntil(60_000)
    await session.close()

    expect([session.state, joined, node.sessions]).toEqual(['closed', 0, []])
    expect(await ended).toBe(at({ event: 'complete' } as SessionEvent) ? 'complete' : 'enough')
    const again = await sim.machine({ disk, peers: [other], session: { mode } })
    sim.runUntil(() => again.session.isComplete, { withinMs: 60_000 })
  },
)

test('one that is closed when it chokes a peer in favour of another does not decide on the other', async () => {
  const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: 64 * 65_536 })
  const abort = new AbortController()
  let chokes = 0
  const onEvent = ({ event }: SessionEvent): void => {
    if (event !== 'choke') return
    chokes++
    abort.abort(new Error('enough'))
  }
  const seeder = await sim.seeder({ node: { maxUp: 65_536 }, session: { onEvent, signal: abort.signal } })
  for (let leechers = 0; leechers < 14; leechers++) await sim.leecher({ peers: [seeder] })
  sim.clock.runUntil(60_000)

  expect([seeder.session.state, chokes]).toEqual(['closed', 1])
})

test.each(['disk_error', 'disk_recovered'] as const)(
  'one that is closed at %s, in the middle of a download, can be opened again',
  async (name) => {
    const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: PIECES * 65_536 })
    const seeder = await sim.seeder({ up: 65_536 })
    const abort = new AbortController()
    const onEvent = (event: SessionEvent): void => {
      if (event.event === name) abort.abort(new Error('enough'))
    }
    const { disk, session } = await sim.leecher({
      peers: [seeder],
      session: { onEvent, signal: abort.signal },
    })
    sim.runUntil(() => session.snapshot().have > 1, { withinMs: 60_000 })
    disk.setFault('write', 'disk.io')
    sim.clock.after(1_500, () => disk.setFault('write'))
    sim.runUntil(() => session.state === 'closed', { withinMs: 60_000 })
    const pending = session.close()
    sim.clock.runUntil(sim.clock.now() + 60_000)
    await pending

    const again = await sim.leecher({ disk, peers: [seeder] })
    sim.runUntil(() => again.session.isComplete, { withinMs: 60_000 })
    expect(again.session.snapshot().downloaded).toBeLessThan(sim.payload.length)
  },
)

test.each(['disk_doubt', 'disk_verdict'] as const)(
  'one that is closed at %s, while it serves, does not look at its files again',
  async (name) => {
    const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: PIECES * 65_536 })
    const abort = new AbortController()
    const names: string[] = []
    const onEvent = (event: SessionEvent): void => {
      names.push(event.event)
      if (event.event === name) abort.abort(new Error('enough'))
    }
    const { disk, session } = await sim.seeder({ session: { onEvent, signal: abort.signal } })
    sim.clock.runUntil(5_000)
    disk.writeFile(PAYLOAD_PATH, sim.payload)
    sim.clock.runUntil(120_000)

    expect([session.state, names.at(-1)]).toEqual(['closed', name])
  },
)
