/** The table at the end. */
import { aligned } from '../../bench/report.ts'
import { formatSize } from '../../src/app/quantity.ts'
import { MAX_UNFINISHED_BYTES, type LifeRecord } from './ledger.ts'

export interface Outcome {
  readonly seed: number
  readonly rounds: number
  readonly seederKills: number
  readonly pieceLength: number
  readonly records: readonly LifeRecord[]
  readonly findings: readonly string[]
}

export function summary(outcome: Outcome): string {
  const { seed, rounds, seederKills, pieceLength, records, findings } = outcome
  const kills = records.filter(({ isKilled }) => isKilled)
  const moments = [...Map.groupBy(kills, ({ moment }) => moment)]
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
  const bytes = (pieces: number): string => formatSize(pieces * pieceLength)
  const restarts = records.filter(
    ({ msToResume }, index) => msToResume !== undefined && records[index - 1]?.isKilled,
  )
  const sources = [...Map.groupBy(restarts, ({ source }) => source)].map(
    ([source, { length }]) => `${source} ${length}`,
  )
  const row = (
    title: string,
    pick: (record: LifeRecord) => number | undefined,
    { among, shown }: { readonly among: readonly LifeRecord[]; readonly shown: (value: number) => string },
  ): string[] => {
    const values = among.map(pick).filter((value) => value !== undefined)
    return [title, shown(quantile(values, 0.5)), shown(quantile(values, 0.95)), shown(quantile(values, 1))]
  }
  const ms = (value: number): string => `${Math.round(value)} ms`
  return [
    `seed ${seed}: ${kills.length} kills of the leecher over ${rounds} downloads, ${seederKills} of the seeder`,
    moments.map(([moment, { length }]) => `${moment} ${length}`).join(', '),
    `restarts after a kill that came so far, by who vouched for what was there: ${sources.join(', ')}`,
    '',
    aligned([
      ['at the kill', 'median', '95 %', 'max'],
      row('asked for, not announced', ({ unfinished }) => unfinished * pieceLength, {
        among: kills,
        shown: formatSize,
      }),
      row('sent in vain by the seeder', ({ wastedBytes }) => wastedBytes, {
        among: kills,
        shown: formatSize,
      }),
      ['restart', 'median', '95 %', 'max'],
      row('read again', ({ checkedBytes }) => checkedBytes, { among: restarts, shown: formatSize }),
      row('right on disk, not known', ({ forgotten }) => forgotten, { among: restarts, shown: bytes }),
      row('until listen', ({ msToListen }) => msToListen, { among: restarts, shown: ms }),
      row('until resume', ({ msToResume }) => msToResume, { among: restarts, shown: ms }),
      row('until the first have', ({ msToFirstHave }) => msToFirstHave, { among: restarts, shown: ms }),
    ]),
    '',
    `${sum(records.map(({ announced }) => announced))} pieces announced; ${sum(kills.map(({ hashed }) => hashed))} hashed from disk after kills`,
    `${sum(records.map(({ fetchedTwice }) => fetchedTwice))} fetched twice although they were right on disk (unrecorded at the kill)`,
    `allowed in flight at a kill: ${formatSize(MAX_UNFINISHED_BYTES)}`,
    ...findings.map((finding) => `FAIL ${finding}`),
    findings.length === 0 ? 'PASS' : `FAIL: ${findings.length} findings`,
  ].join('\n')
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
}
