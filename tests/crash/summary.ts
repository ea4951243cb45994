/** The table at the end. */
import { aligned } from '../../bench/report.ts'
import { formatSize } from '../../src/app/quantity.ts'
import { MAX_CHECKED_PIECES, MAX_FORGOTTEN_PIECES, MAX_UNFINISHED_BYTES, type LifeRecord } from './ledger.ts'

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
  const underWay = restarts.filter(({ found }) => found === 'part')
  const sources = [...Map.groupBy(restarts, ({ found, source }) => `${found} (${source})`)].map(
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
    `restarts after a kill that came so far, what was there, and who vouched for it: ${sources.join(', ')}`,
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
      ['restart of a download under way', 'median', '95 %', 'max'],
      row('read again', ({ checkedBytes }) => checkedBytes, { among: underWay, shown: formatSize }),
      row('right on disk, not known', ({ forgotten }) => forgotten, { among: underWay, shown: bytes }),
      ['any restart', 'median', '95 %', 'max'],
      row('read again', ({ checkedBytes }) => checkedBytes, { among: restarts, shown: formatSize }),
      row('until listen', ({ msToListen }) => msToListen, { among: restarts, shown: ms }),
      row('until resume', ({ msToResume }) => msToResume, { among: restarts, shown: ms }),
      row('until the first have', ({ msToFirstHave }) => msToFirstHave, { among: restarts, shown: ms }),
    ]),
    '',
    `${sum(records.map(({ announced }) => announced))} pieces announced; ${sum(kills.map(({ hashed }) => hashed))} hashed from disk after kills`,
    `${sum(records.map(({ fetchedTwice }) => fetchedTwice))} fetched twice although they were right on disk (unrecorded at the kill)`,
    `allowed: ${formatSize(MAX_UNFINISHED_BYTES)} in flight at a kill, ${MAX_CHECKED_PIECES} pieces read and ${MAX_FORGOTTEN_PIECES} not known at the start of a download under way`,
    ...findings.map((finding) => `FAIL ${finding}`),
    findings.length === 0 ? 'PASS' : `FAIL: ${findings.length} findings`,
  ].join('\n')
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
}
