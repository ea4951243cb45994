/** Bootstrap nodes that come back at another address. */
import { expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SimDatagramNetwork } from '../../src/app/sim/datagram-network.ts'
import { WEATHER } from '../../src/app/sim/dht/profiles.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { Dht } from '../../src/dht/dht.ts'
import type { DhtEvent } from '../../src/dht/events.ts'
import { hashes } from '../support/hashes.ts'

const MINUTE = 60_000
const PORT = 20_000

for (const others of [0, 2])
  test(`a node of whose ${others + 1} contacts none is left asks again where its bootstrap node is`, () => {
    const seed = 3
    const clock = new SimClock()
    const network = new SimDatagramNetwork(clock, { seed, weather: WEATHER.lan, hashes })
    let address = '10.0.0.1'
    const start = (host: string, emit: (event: DhtEvent) => void = () => undefined): Dht => {
      const dht = new Dht({
        sockets: [network.bind({ host, port: PORT })],
        clock,
        random: new SeededRandom(seed).fork(host),
        hashes,
        addresses: [host],
        resolver: {
          resolve: (_name, _family, found) => clock.after(5, () => found([address])),
          resolveService: (_name, found) => found([]),
        },
        emit,
      })
      dht.bootstrap([{ host: 'seed.test', port: PORT }])
      return dht
    }
    const contactsOf = (dht: Dht): number => dht.snapshot().nodes[0]!.contacts
    const run = (ms: number): void => clock.runUntil(clock.now() + ms)

    const gone = ['10.0.0.1', ...Array.from({ length: others }, (_, at) => `10.0.1.${at}`)].map((host) =>
      start(host),
    )
    const events: DhtEvent[] = []
    const survivor = start('10.0.2.1', (event) => events.push(event))
    run(30 * MINUTE)
    expect(contactsOf(survivor)).toBe(others + 1)
    for (const dht of gone) dht.close()
    address = '10.0.0.2'
    run(5 * MINUTE)
    // For all it knows its own network is gone, so that nobody loses his place.
    expect(events.map(({ event }) => event)).toContain('dht_offline')
    expect(contactsOf(survivor)).toBe(others + 1)
    const again = start(address)
    run(5 * MINUTE)
    expect(contactsOf(again), `seed ${seed}`).toBe(1)
    expect(contactsOf(survivor), `seed ${seed}`).toBe(1)
    for (const dht of [again, survivor]) dht.close()
  })
