/**
 * `npm run bench`: the built program, measured. Linux only (it reads /proc).
 *
 *     npm run bench -- [case …] [--runs 3] [--mib 1024] [--json file]
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { MIB } from '../scripts/payload.ts'
import { Workshop, type BenchCase, type Figures } from './case.ts'
import { pair } from './cases/pair.ts'
import { formatTable, summarise } from './report.ts'

const CASES: readonly BenchCase[] = [pair]

const { values, positionals } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    mib: { type: 'string', default: '1024' },
    json: { type: 'string' },
  },
  allowPositionals: true,
})

function positiveInteger(name: 'runs' | 'mib'): number {
  const value = Number(values[name])
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number above 0`)
  return value
}

async function main(): Promise<void> {
  const runs = positiveInteger('runs')
  const mib = positiveInteger('mib')
  const unknown = positionals.filter((name) => !CASES.some((each) => each.name === name))
  if (unknown.length > 0)
    throw new Error(`no case ${unknown.join(', ')}; there are ${CASES.map(({ name }) => name).join(', ')}`)
  const chosen = CASES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))

  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}`
  console.log(machine)
  const report: Record<string, unknown> = { machine, mib }
  const workshop = new Workshop(mib * MIB, 1)
  process.once('exit', () => workshop.clear())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

  for (const { name, title, run } of chosen) {
    console.log(`\n${name}: ${title}, ${mib} MiB, ${runs} runs in ${workshop.folder}`)
    const results: Figures[] = []
    for (let index = 0; index < runs; index++) results.push(await run(workshop))
    const summary = summarise(results)
    console.log(formatTable(summary))
    report[name] = { title, runs: results, summary }
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bench failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
