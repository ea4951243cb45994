/** One download from an empty folder to the whole file, over as many lives as it takes. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sha256 } from '../../scripts/payload.ts'
import { FROM_DIST } from '../../scripts/swarm-process.ts'
import type { Metainfo } from '../../src/app/library.ts'
import { Ledger, type LifeRecord } from './ledger.ts'
import { Life } from './life.ts'
import type { Seeder } from './seeder.ts'

const EXIT_KILLED = 128 + 9
/** What the leecher may download in a second. */
const RATE = '200MB'

export interface Subject {
  readonly metainfo: Metainfo
  /** Path of the metainfo file. */
  readonly source: string
  /** SHA-256 of the payload, hex. */
  readonly digest: string
  readonly seeder: Seeder
}

/** How a life is ended. */
export interface Death {
  readonly moment: string
  /** Waits until it is time for SIGKILL, or until the process has ended by itself. */
  strike(life: Life): Promise<void>
  /** Before the next life begins. @returns what was wrong */
  bury?(isKilled: boolean): Promise<readonly string[]>
}

export interface RoundResult {
  readonly lives: readonly Life[]
  readonly records: readonly LifeRecord[]
  readonly findings: readonly string[]
}

/**
 * @param folder empty: where to download to
 * @param nextDeath of the next life, of which so many pieces are missing; undefined: it may live
 */
export async function download(
  subject: Subject,
  folder: string,
  nextDeath: (missing: number) => Death | undefined,
): Promise<RoundResult> {
  const path = join(folder, subject.metainfo.name)
  const ledger = new Ledger(subject.metainfo, path)
  const lives: Life[] = []
  const records: LifeRecord[] = []
  const findings: string[] = []
  for (let isOver = false; !isOver;) {
    const life = startLife(subject, folder)
    lives.push(life)
    const found = (text: string): void => void findings.push(`life ${lives.length}: ${text}`)
    const death = nextDeath(ledger.missing)
    const seederKills = subject.seeder.kills
    await death?.strike(life)
    if (death) life.process.kill()
    const code = await life.process.exited
    if (life.hasHung) found('nothing happened any more')
    const sentBytes = await subject.seeder.takeSentBytes()
    records.push(
      ledger.close(life, {
        moment: death?.moment ?? 'none',
        isKilled: code === EXIT_KILLED,
        // What a killed seeder has sent, nobody knows.
        sentBytes: subject.seeder.kills === seederKills ? sentBytes : undefined,
      }),
    )
    for (const text of ledger.takeFindings()) found(text)
    isOver = code !== EXIT_KILLED || life.hasHung
    if (isOver && code !== 0) found(life.process.epitaph)
    for (const text of (await death?.bury?.(code === EXIT_KILLED)) ?? []) found(text)
  }
  const left = readdirSync(folder).filter((name) => name !== basename(path))
  if (left.length > 0) findings.push(`left behind: ${left.join(', ')}`)
  if (!existsSync(path) || (await sha256(path)) !== subject.digest)
    findings.push('the file is not what was sent')
  return { lives, records, findings }
}

export function startLife({ source, seeder }: Subject, folder: string): Life {
  const words = ['-get', source, '-dest', folder, '-peer', seeder.address, '-max-down', RATE]
  return new Life([...words, '-tcp-listen', '127.0.0.1:0', '-dht-listen', '', '-no-lan', '-quiet'], FROM_DIST)
}
