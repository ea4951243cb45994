/**
 * `npm run bench`: the built program against other clients and against its own targets. Linux only (it reads /proc).
 *
 *     npm run bench -- [case …] [--runs 3] [--mib 2048] [--piece 1024,256] [--leechers 8,20] [--clients aria2,libtorrent]
 *                      [--cpus 0,1] [--json file] [--markdown docs/performance.md]
 */
import { cpus, release, availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { Bench, BenchCase, Settings } from './case.ts'
import { fanout } from './cases/fanout.ts'
import { hashing } from './cases/hashing.ts'
import { idle } from './cases/idle.ts'
import { latency } from './cases/latency.ts'
import { memory } from './cases/memory.ts'
import { mixed } from './cases/mixed.ts'
import { pair } from './cases/pair.ts'
import { picker } from './cases/picker.ts'
import { startup } from './cases/startup.ts'
import { swarm } from './cases/swarm.ts'
import { lookAround } from './clients.ts'
import { enterNamespace, hostAddress } from './namespace.ts'
import { writePage } from './markdown.ts'
import { hold } from './race.ts'
import { aligned, seriesRows, verdictRows } from './report.ts'
import { mergeResults, readResults, writeResults, type RaceResult } from './results.ts'
import { Tracker } from './tracker.ts'
import { judge } from './verdict.ts'
import { Workshop } from './workshop.ts'

const CASES: readonly BenchCase[] = [
  pair,
  mixed,
  swarm,
  fanout,
  memory,
  hashing,
  latency,
  picker,
  startup,
  idle,
]

const { values, positionals } = parseArgs({
  options: {
    runs: { type: 'string' },
    mib: { type: 'string' },
    piece: { type: 'string' },
    leechers: { type: 'string' },
    clients: { type: 'string' },
    cpus: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
  },
  allowPositionals: true,
})

const say = (line: string = ''): void => void process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  const chosen = chooseCases(positionals)
  const [rounds, mib] = [numbers('runs')?.[0], numbers('mib')?.[0]]
  const settings: Settings = { mib, pieceKib: numbers('piece'), leechers: numbers('leechers') }
  enterNamespace(values.cpus)
  save([])

  const machine = describeMachine()
  say(machine)
  const { present, absent } = lookAround()
  for (const reason of absent) say(`without ${reason}`)
  const wanted = values.clients?.split(',')
  const unknown = (wanted ?? []).filter((name) => ![...present.keys()].some((client) => client.name === name))
  if (unknown.length > 0) throw new Error(`no client ${unknown.join(', ')}`)

  const tracker = await Tracker.listen(hostAddress(0))
  const workshop = new Workshop(Math.max(...chosen.map((each) => each.neededMib(settings))), tracker.url)
  process.once('exit', () => workshop.clear())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const bench: Bench = {
    settings,
    workshop,
    tracker,
    isPinned: values.cpus !== undefined,
    clients: (names) =>
      [...present].filter(
        ([{ name }]) => names.includes(name) && (name === 'bitswarm' || (wanted?.includes(name) ?? true)),
      ),
  }

  const results: RaceResult[] = []
  try {
    for (const { name, races, rounds: ownRounds } of chosen) {
      for (const race of await races(bench)) {
        say(`\n${race.title}${workshop.isInMemory ? '' : ', on disk'}`)
        const result = await hold(race, rounds ?? ownRounds, (line) => say(`  ${line}`))
        const title = `${race.title}${bench.isPinned ? `, on ${availableParallelism()} cores` : ''}`
        const verdicts = judge(result, race.promises)
        results.push({ name, title, machine, series: result.series, verdicts })
        say(`\n${aligned(seriesRows(result.series))}\n\n${aligned(verdictRows(verdicts), 2)}`)
        save(results)
      }
      workshop.empty()
    }
  } finally {
    tracker.close()
  }
  if (results.some(({ series }) => series.some(({ failures }) => failures.length > 0))) process.exitCode = 1
}

function chooseCases(names: readonly string[]): readonly BenchCase[] {
  const unknown = names.filter((name) => !CASES.some((each) => each.name === name))
  if (unknown.length > 0)
    throw new Error(
      `no case ${unknown.join(', ')}; there are\n${CASES.map(({ name, title }) => `  ${name.padEnd(9)} ${title}`).join('\n')}`,
    )
  return CASES.filter(({ name }) => names.length === 0 || names.includes(name))
}

/** A list of whole numbers above 0; undefined when it was not given. */
function numbers(option: 'runs' | 'mib' | 'piece' | 'leechers'): readonly number[] | undefined {
  const list = values[option]?.split(',').map(Number)
  if (list?.some((value) => !Number.isInteger(value) || value < 1))
    throw new Error(`--${option} takes whole numbers above 0`)
  return list
}

/** Called after every race, so that an interrupted run leaves what it has measured, and once before, to fail early on a wrong path. */
function save(results: readonly RaceResult[]): void {
  const all = mergeResults(values.json === undefined ? [] : readResults(values.json), results)
  if (values.json !== undefined) writeResults(values.json, all)
  if (values.markdown !== undefined) writePage(values.markdown, all)
}

function describeMachine(): string {
  const model = cpus()[0]?.model ?? 'unknown CPU'
  return `${availableParallelism()} × ${model}, Linux ${release()}, Node ${process.version}`
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bench failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
