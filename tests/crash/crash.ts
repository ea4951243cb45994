/**
 * `npm run test:crash`: real processes that are killed, over and over. A seeder serves 1 GiB; a leecher fetches it at 200 MB/s,
 * dies by SIGKILL at some moment, and is started again, until the file is whole; then the next download begins in an empty
 * folder. More of them fetch 256 MiB to a disk that fills up, and die while they wait for room. After each kill every piece
 * that was ever announced is hashed from disk. Linux; the full disk needs root or user namespaces.
 *
 *     npm run test:crash -- [--kills 200] [--full-disk-kills 50] [--seed n] [--mib 1024] [--scratch folder]
 *
 * The seed decides about the moments, not about what the machine does meanwhile. Ends with 1 when a promise was broken, and
 * says where the evidence lies.
 */
import { randomInt } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { enterNamespace, hasNamespace } from '../../bench/namespace.ts'
import { sha256, writeRandomFile } from '../../scripts/payload.ts'
import { createMetainfo, encodeBit } from '../../src/app/library.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { Scratch } from '../support/scratch.ts'
import { keepEvidence } from './evidence.ts'
import { fullDisk } from './full-disk.ts'
import type { LifeRecord } from './ledger.ts'
import { download, type Death, type RoundResult, type Subject } from './round.ts'
import { Seeder } from './seeder.ts'
import { suddenDeath } from './sudden-death.ts'
import { summary } from './summary.ts'

const MIB = 2 ** 20
const SMALL_BYTES = 256 * MIB
/** Room beside the payload on the small disk: for what lies beside it. */
const SPARE_BYTES = 4 * MIB
/** Downloads in a row without a kill after which the moments never come. */
const MAX_IDLE_ROUNDS = 10

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    'full-disk-kills': { type: 'string', default: '50' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    mib: { type: 'string', default: '1024' },
    scratch: { type: 'string' },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)

interface Campaign {
  readonly title: string
  readonly kills: number
  readonly payloadBytes: number
  /** Makes an empty place for a download, and says how the leecher will die there. */
  readonly prepare: (subject: Subject) => Place
}

interface Place {
  readonly folder: string
  /** What is removed when the download is over. */
  readonly root: string
  readonly nextDeath: (missing: number) => Death | undefined
}

class CrashTest {
  readonly #seed: number
  readonly #scratch: Scratch
  #evidence: string | undefined

  constructor(seed: number, scratch: Scratch) {
    this.#seed = seed
    this.#scratch = scratch
  }

  get evidence(): string | undefined {
    return this.#evidence
  }

  async run({ title, kills, payloadBytes, prepare }: Campaign): Promise<void> {
    if (kills === 0) return
    say(`\n${title}`)
    const subject = await this.#makeSubject(payloadBytes)
    const records: LifeRecord[] = []
    const findings: string[] = []
    let killed = 0
    let rounds = 0
    for (let idle = 0; killed < kills && findings.length === 0;) {
      const { folder, root, nextDeath } = prepare(subject)
      let left = kills - killed
      const result = await download(subject, folder, (missing) =>
        left-- > 0 ? nextDeath(missing) : undefined,
      )
      rounds++
      const killedNow = result.records.filter(({ isKilled }) => isKilled).length
      killed += killedNow
      idle = killedNow > 0 ? 0 : idle + 1
      records.push(...result.records)
      say(`  download ${rounds}: ${killedNow} kills, ${killed} of ${kills}`)
      findings.push(...result.findings.map((finding) => `download ${rounds}, ${finding}`))
      if (result.findings.length > 0) this.#keep(result, folder)
      if (idle === MAX_IDLE_ROUNDS) findings.push(`no kill in ${idle} downloads`)
      this.#scratch.remove(root)
    }
    await subject.seeder.stop()
    const { pieceLength } = subject.metainfo.geometry
    const seederKills = subject.seeder.kills
    say(`\n${summary({ seed: this.#seed, rounds, seederKills, pieceLength, records, findings })}`)
    if (findings.length > 0) process.exitCode = 1
  }

  async #makeSubject(payloadBytes: number): Promise<Subject> {
    const path = join(this.#scratch.freshFolder(), 'payload.bin')
    await writeRandomFile(path, payloadBytes)
    const metainfo = await createMetainfo(path)
    const source = `${path}.bit`
    writeFileSync(source, encodeBit(metainfo))
    return { metainfo, source, digest: await sha256(path), seeder: await Seeder.start(path) }
  }

  #keep(result: RoundResult, place: string): void {
    this.#evidence ??= mkdtempSync(join(tmpdir(), `bitswarm-crash-${this.#seed}-`))
    keepEvidence(this.#evidence, result, place)
  }
}

async function main(): Promise<void> {
  const numberOf = (name: 'kills' | 'full-disk-kills' | 'seed' | 'mib'): number => {
    const value = Number(values[name])
    if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} takes a whole number`)
    return value
  }
  const seed = numberOf('seed')
  const payloadBytes = numberOf('mib') * MIB
  const random = new SeededRandom(seed)
  enterNamespace(undefined)
  say(`seed ${seed}`)
  const neededBytes = 2 * payloadBytes + 3 * SMALL_BYTES
  const scratch = new Scratch({ purpose: 'crash', neededBytes, parent: values.scratch })
  const test = new CrashTest(seed, scratch)
  await test.run({
    title: `kills at any moment of downloads of ${payloadBytes / MIB} MiB`,
    kills: numberOf('kills'),
    payloadBytes,
    prepare(subject) {
      const folder = scratch.freshFolder()
      return { folder, root: folder, nextDeath: () => suddenDeath(random, folder, subject.seeder) }
    },
  })
  if (hasNamespace())
    await test.run({
      title: `kills while the disk is full, in downloads of ${SMALL_BYTES / MIB} MiB`,
      kills: numberOf('full-disk-kills'),
      payloadBytes: SMALL_BYTES,
      prepare(subject) {
        const disk = scratch.freshDisk(SMALL_BYTES + SPARE_BYTES)
        return {
          folder: disk,
          root: disk,
          nextDeath: (missing) => fullDisk(random, { subject, disk, folder: disk }, missing),
        }
      },
    })
  else say('\nSKIPPED: kills while the disk is full; no file system can be mounted here')
  if (test.evidence !== undefined) say(`evidence: ${test.evidence}`)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`crash test failed: ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = 1
}
