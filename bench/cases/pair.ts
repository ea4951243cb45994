/** One seeder, one leecher, loopback, static peer, no DHT. */
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { freePort } from '../../scripts/free-ports.ts'
import { sha256 } from '../../scripts/payload.ts'
import { FROM_DIST, SwarmProcess } from '../../scripts/swarm-process.ts'
import type { BenchCase, Figures, Workshop } from '../case.ts'
import { cpuSeconds, loopbackBytes, peakRssMib } from '../process-cost.ts'

const HOST = '127.0.0.1'
/** The clock "from the first byte" starts when so much has crossed the loopback interface: handshakes are less. */
const FIRST_BYTES = 131_072
const POLL_INTERVAL_MS = 1
const GIB = 2 ** 30

export const pair: BenchCase = {
  name: 'pair',
  title: 'one seeder to one leecher over loopback',

  async run(workshop: Workshop): Promise<Figures> {
    const payload = await workshop.payload()
    const folder = workshop.freshFolder()
    const address = `${HOST}:${await freePort(HOST)}`
    const start = (name: string, ...args: string[]): SwarmProcess =>
      new SwarmProcess(
        [...args, '-dht-listen=', '-no-lan', '-keep', '-1', '-state-dir', join(folder, name)],
        {
          name,
          command: FROM_DIST,
        },
      )
    const seeder = start('seeder', '-seed', payload, '-tcp-listen', address)
    let leecher: SwarmProcess | undefined
    try {
      await seeder.waitFor('complete')
      const seederBefore = cpuSeconds(seeder.pid!)
      const firstByte = watchFirstBytes()
      const started = performance.now()
      const get = ['-get', `${payload}.bit`, '-dest', folder, '-peer', address]
      leecher = start('leecher', ...get, '-tcp-listen', `${HOST}:0`)
      await leecher.waitFor('complete')
      const done = performance.now()
      const figures = {
        'MB/s from first byte': megabytesPerSecond(workshop.length, done - firstByte()),
        'MB/s from start': megabytesPerSecond(workshop.length, done - started),
        'CPU s/GiB seeder': ((cpuSeconds(seeder.pid!) - seederBefore) * GIB) / workshop.length,
        'CPU s/GiB leecher': (cpuSeconds(leecher.pid!) * GIB) / workshop.length,
        'peak MiB seeder': peakRssMib(seeder.pid!),
        'peak MiB leecher': peakRssMib(leecher.pid!),
      }
      const copy = join(folder, basename(payload))
      if ((await sha256(copy)) !== (await sha256(payload))) throw new Error('the downloaded file differs')
      return figures
    } finally {
      await leecher?.stop()
      await seeder.stop()
      rmSync(folder, { recursive: true })
    }
  },
}

/** Watches the interface's counter. @returns when the first bytes had crossed, on the clock of `performance.now` */
function watchFirstBytes(): () => number {
  const before = loopbackBytes()
  let at: number | undefined
  const timer = setInterval(() => {
    if (loopbackBytes() - before < FIRST_BYTES) return
    at = performance.now()
    clearInterval(timer)
  }, POLL_INTERVAL_MS)
  return () => {
    clearInterval(timer)
    if (at === undefined) throw new Error('nothing crossed the loopback interface')
    return at
  }
}

function megabytesPerSecond(bytes: number, milliseconds: number): number {
  return bytes / 1e6 / (milliseconds / 1_000)
}
