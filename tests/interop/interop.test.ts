/** Bytes between bitswarm and other clients, both ways, over loopback and static addresses. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../scripts/free-ports.ts'
import { FROM_SOURCE, SwarmProcess } from '../../scripts/swarm-process.ts'
import { aria2 } from './aria2.ts'
import { HOST, type ForeignClient, type Job, type RunningClient } from './client.ts'
import { libtorrent } from './libtorrent.ts'
import { differences, PAYLOADS, writePayload, type PayloadShape } from './payloads.ts'
import { transmission } from './transmission.ts'

const CLIENTS: readonly ForeignClient[] = [transmission, aria2, libtorrent]
const TRANSFER_DEADLINE_MS = 90_000
/** In CI a client that is not installed is a failure, not a reason to look away. */
const MUST_BE_INSTALLED = env['CI'] !== undefined && env['CI'] !== ''

let root: string
const original = (): string => join(root, 'original')
const torrentOf = (shape: PayloadShape): string => join(root, `${shape.name}.torrent`)
const folder = (name: string): string => {
  const path = join(root, name)
  mkdirSync(path, { recursive: true })
  return path
}
const bitswarm = (name: string, ...args: string[]): SwarmProcess =>
  new SwarmProcess([...args, '-state-dir', folder(`state ${name}`)], { name: `bitswarm (${name})` })

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'bitswarm-interop-'))
  for (const shape of PAYLOADS) {
    const path = writePayload(original(), shape)
    const create = spawnSync(process.execPath, [FROM_SOURCE, 'create', path, '-o', torrentOf(shape)])
    expect(create.status, create.stderr.toString()).toBe(0)
  }
})

afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 3 }))

for (const client of CLIENTS) {
  const version = client.version()
  const isAbsent = version === undefined && !MUST_BE_INSTALLED
  const title = isAbsent ? `${client.name} is not installed: skipped` : `${client.name} (${version})`

  describe.skipIf(isAbsent)(title, () => {
    test.each(PAYLOADS)('downloads $title from bitswarm', async (shape) => {
      const mine = `${client.name} from us ${shape.name}`
      const ours = `${HOST}:${await freePort(HOST)}`
      const job = await jobFor('leech', shape, mine, client.canDial ? [ours] : [])
      const dial = client.canDial ? [] : ['-peer', `${HOST}:${job.port}`]
      const startSeeder = async (): Promise<SwarmProcess> => {
        const seed = ['-seed', join(original(), shape.name), '-tcp-listen', ours, '-dht-listen=', ...dial]
        const seeder = bitswarm(mine, ...seed)
        await seeder.waitFor('complete')
        return seeder
      }
      // Whoever dials starts last.
      const early = client.canDial ? await startSeeder() : undefined
      const leecher = await client.start(job)
      const seeder = early ?? (await startSeeder())
      try {
        await untilComplete(leecher, seeder)
      } finally {
        await leecher.stop()
      }
      expect(await seeder.stop(), seeder.epitaph).toBe(0)
      expect(differences(shape, original(), job.folder)).toEqual([])
    })

    test.each(PAYLOADS)('serves $title to bitswarm', async (shape) => {
      const mine = `${client.name} to us ${shape.name}`
      const job = await jobFor('seed', shape, mine, [])
      const seeder = await client.start(job)
      const dest = folder(`dest of ${mine}`)
      const peer = `${HOST}:${job.port}`
      const get = ['-get', torrentOf(shape), '-dest', dest, '-peer', peer, '-timeout', '60']
      const leecher = bitswarm(mine, ...get, '-tcp-listen', `${HOST}:0`, '-dht-listen=')
      try {
        expect(await leecher.exited, leecher.epitaph).toBe(0)
      } finally {
        await leecher.stop()
        await seeder.stop()
      }
      expect(differences(shape, original(), dest)).toEqual([])
    })
  })
}

async function jobFor(
  role: Job['role'],
  shape: PayloadShape,
  name: string,
  peers: readonly string[],
): Promise<Job> {
  return {
    role,
    torrent: torrentOf(shape),
    folder: role === 'seed' ? original() : folder(`dest of ${name}`),
    scratch: folder(`scratch of ${name}`),
    port: await freePort(HOST),
    controlPort: await freePort(HOST),
    peers,
  }
}

async function untilComplete(leecher: RunningClient, seeder: SwarmProcess): Promise<void> {
  const deadline = performance.now() + TRANSFER_DEADLINE_MS
  while (!(await leecher.isComplete())) {
    if (!seeder.isRunning) throw new Error(seeder.epitaph)
    if (performance.now() > deadline) throw new Error('the download did not finish in time')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
