/** `-max-up` and `-max-down` of real processes over loopback, as the kernel counts their bytes. Linux only. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SwarmProcess } from '../../scripts/swarm-process.ts'
import { Nodes } from '../e2e/nodes.ts'

const MIB = 2 ** 20
/** Little enough for any machine. */
const RATE = 5 * MIB
const SECONDS = 10
const SAMPLE_MS = 100

let nodes: Nodes
beforeEach(() => {
  nodes = new Nodes()
})
afterEach(() => {
  expect(nodes.close()).toEqual([])
})

/** Bytes that a process has read and written so far, on sockets and files. */
function traffic({ pid }: SwarmProcess): { readonly read: number; readonly written: number } {
  const io = readFileSync(`/proc/${pid}/io`, 'utf8')
  const count = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)![1])
  return { read: count('rchar'), written: count('wchar') }
}

/** Watches counters for 10 s. @returns for each its rate over all, and the bytes of each 100 ms as shares of what `RATE` allows */
async function watch(...counters: readonly (() => number)[]): Promise<{ rate: number; shares: number[] }[]> {
  const start = performance.now()
  const samples = counters.map((count) => [{ at: start, bytes: count() }])
  for (let i = 1; i <= (SECONDS * 1_000) / SAMPLE_MS; i++) {
    await sleep(Math.max(1, start + i * SAMPLE_MS - performance.now()))
    for (const [index, count] of counters.entries())
      samples[index]!.push({ at: performance.now(), bytes: count() })
  }
  return samples.map((taken) => {
    const last = taken.at(-1)!
    const shares = taken.slice(1).map(({ at, bytes }, i) => {
      const before = taken[i]!
      return (bytes - before.bytes) / ((RATE * (at - before.at)) / 1_000)
    })
    return { rate: (last.bytes - taken[0]!.bytes) / ((last.at - start) / 1_000), shares }
  })
}

/** Starts downloads of `payload` and waits until all are under way. */
async function get(addresses: readonly string[], flags: string, count = 1): Promise<SwarmProcess[]> {
  const peers = addresses.map((address) => `-peer ${address}`).join(' ')
  const leechers = Array.from({ length: count }, (_, i) =>
    nodes.start(`leecher ${i}`, `-get payload.bit out${i} ${peers}${flags}`),
  )
  await Promise.all(leechers.map((leecher) => nodes.event(leecher, 'have')))
  return leechers
}

/** Never more than 2 % above it. How near it comes from below is the machine's business: exactness is proved in virtual time. */
function expectKept({ rate, shares }: { readonly rate: number; readonly shares: readonly number[] }): void {
  const [least, most] = [Math.min(...shares), Math.max(...shares)]
  console.log(
    `${(rate / MIB).toFixed(3)} MiB/s; a tenth of a second: ${least.toFixed(2)} to ${most.toFixed(2)} of it`,
  )
  expect(rate / RATE).toBeLessThan(1.02)
  expect(rate).toBeGreaterThan(0)
}

describe.skipIf(process.platform !== 'linux')('a limit of 5 MiB/s', () => {
  test('on sending is kept over 10 s, and shared', async () => {
    await nodes.make('payload', 120 * MIB)
    const { seeder, address } = await nodes.seed('payload', '-max-up 5MiB')
    const uploads: number[] = []
    seeder.onEvent(({ event, uploaded }) => {
      if (event === 'peer_left') uploads.push(uploaded as number)
    })
    await get([address], '', 3)

    const [sent] = await watch(() => traffic(seeder).written)
    await seeder.stop()

    expectKept(sent!)
    // A process that is scheduled late gets less; that shares are equal is proved in virtual time.
    expect(uploads).toHaveLength(3)
    const mean = uploads.reduce((sum, bytes) => sum + bytes, 0) / 3
    expect(Math.min(...uploads)).toBeGreaterThan(mean / 4)
  })

  test('on receiving is kept over 10 s, with two that send', async () => {
    await nodes.make('payload', 120 * MIB)
    const seeders = [await nodes.seed('payload'), await nodes.seed('payload')]
    const [leecher] = await get(
      seeders.map(({ address }) => address),
      ' -max-down 5MiB',
    )

    const [received] = await watch(() => traffic(leecher!).read)

    expectKept(received!)
  })

  test('does not hold on this machine when local peers are exempt', async () => {
    // At the limit it would take an hour: nobody waits so long for an event.
    await nodes.make('payload', 60 * MIB)
    const { address } = await nodes.seed('payload', '-max-up 16KiB -limit-lan=false')
    const leecher = nodes.start('leecher', `-get payload.bit out -peer ${address}`)

    expect(await nodes.event(leecher, 'complete')).toMatchObject({ bytes: 60 * MIB })
  })
})
