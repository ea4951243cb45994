import { describe, expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { SimDatagramNetwork, type DatagramWeather } from '../../../src/app/sim/datagram-network.ts'
import { endpointOf, WEATHER } from '../../../src/app/sim/dht/profiles.ts'
import { Samples } from '../../../src/app/sim/dht/samples.ts'
import { hashes } from '../../support/hashes.ts'

const SEED = 11

function networkOf(weather: Partial<DatagramWeather> = {}): { clock: SimClock; network: SimDatagramNetwork } {
  const clock = new SimClock()
  return {
    clock,
    network: new SimDatagramNetwork(clock, { seed: SEED, weather: { ...WEATHER.wan, ...weather }, hashes }),
  }
}

const at = (index: number): ReturnType<typeof endpointOf> => endpointOf(index, 'wan')

/** Sends 4,000 numbered datagrams from one to another. @returns their numbers as they arrive */
function arrivals(weather: Partial<DatagramWeather>): number[] {
  const { clock, network } = networkOf(weather)
  const sender = network.bind(at(0))
  const heard: number[] = []
  network.bind(at(1)).onDatagram = (data) => heard.push((data[0]! << 8) | data[1]!)
  for (let i = 0; i < 4_000; i++) {
    sender.send(Uint8Array.of(i >>> 8, i), at(1))
    clock.runUntil(clock.now() + 10)
  }
  clock.runUntil(clock.now() + 10_000)
  return heard
}

describe('the weather', () => {
  test('loses, doubles and holds up the share that it says', () => {
    expect(arrivals({ loss: 0.2 }).length / 4_000).toBeCloseTo(0.8, 1)
    expect(arrivals({ duplication: 0.1 }).length / 4_000).toBeCloseTo(1.1, 1)
    const overtaken = (heard: readonly number[]): number =>
      heard.filter((number, i) => number < heard[i - 1]!).length
    expect(overtaken(arrivals({ jitter: 0 }))).toBe(0)
    expect(overtaken(arrivals({ jitter: 0, reordering: 0.1 })) / 4_000).toBeGreaterThan(0.05)
  })

  test('is log-normal over pairs, the same both ways, and moves nobody when one more comes', () => {
    const { network } = networkOf()
    const sockets = Array.from({ length: 200 }, (_, index) => network.bind(at(index)))
    const rtts = new Samples()
    for (const a of sockets) for (const b of sockets) if (a !== b) rtts.add(network.rttBetween(a, b))
    expect(rtts.quantile(0.5)).toBeGreaterThan(76)
    expect(rtts.quantile(0.5)).toBeLessThan(84)
    expect(rtts.quantile(0.95)).toBeGreaterThan(195)
    expect(rtts.quantile(0.95)).toBeLessThan(235)
    const before = network.rttBetween(sockets[3]!, sockets[9]!)
    network.bind(at(200))
    expect(network.rttBetween(sockets[9]!, sockets[3]!)).toBe(before)
  })
})

test('behind a NAT one hears only whom one has written to in the last minute', () => {
  const { clock, network } = networkOf()
  const hidden = network.bind(at(0), { isBehindNat: true })
  const [friend, stranger] = [network.bind(at(1)), network.bind(at(2))]
  const heard: string[] = []
  hidden.onDatagram = (_data, from) => heard.push(from.host)
  const write = (from: typeof friend, to: number): void => {
    from.send(Uint8Array.of(1), at(to))
    clock.runUntil(clock.now() + 5_000)
  }
  write(friend, 0)
  write(hidden, 1)
  write(friend, 0)
  write(stranger, 0)
  clock.runUntil(clock.now() + 60_000)
  write(friend, 0)
  expect(heard).toEqual([at(1).host])
})

test('the log tells runs apart by one byte of one datagram', () => {
  const digest = (bytes: number): string => {
    const { clock, network } = networkOf()
    const sender = network.bind(at(0))
    network.bind(at(1))
    // More than one block of the log.
    for (let i = 0; i < 10_000; i++) sender.send(new Uint8Array(i === 500 ? bytes : 80), at(1))
    clock.runUntil(10_000)
    return network.traceDigest
  }
  expect(digest(80)).toMatch(/^[0-9a-f]{64}$/)
  expect(digest(80)).toBe(digest(80))
  expect(digest(80)).not.toBe(digest(81))
})
