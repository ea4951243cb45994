/**
 * `npm run fuzz`: the ways into the program, one after the other, led by what of the code an input reaches.
 *
 *     npm run fuzz -- [target …] [--seconds 10] [--jobs 1] [--seed 1] [--save] [--missed]
 *
 * `--seconds` is for each target, `--jobs` how many at once, `--save` keeps in the corpus what reaches most with least,
 * `--missed` lists what nothing has reached. What is found is written to `findings/`, where `npm test` meets it until it is
 * mended, and ends with 1. The same seed tries the same, as far as the time allows.
 */
import { parseArgs } from 'node:util'
import { readInputs, shown, writeInputs } from './engine/input-file.ts'
import { fuzz } from './engine/watched-run.ts'
import type { Standing } from './engine/worker.ts'
import { corpusPath, findingsPath, SOURCES, targetNames, targetUrl } from './places.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '10' },
    jobs: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    save: { type: 'boolean', default: false },
    missed: { type: 'boolean', default: false },
  },
})
const known = targetNames()
const names = positionals.length > 0 ? positionals : known
const unknown = names.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  console.error(`no target ${unknown.join(', ')}; there are: ${known.join(', ')}`)
  process.exit(2)
}

const started = performance.now()
const waiting = [...names]
const totals = { executions: 0, findings: 0 }
await Promise.all(Array.from({ length: Number(values.jobs) }, work))
const minutes = (performance.now() - started) / 60_000
console.log(
  `${names.length} ${names.length === 1 ? 'target' : 'targets'}, ${totals.executions} inputs in ${minutes.toFixed(1)} min, seed ${values.seed}: ${totals.findings} findings`,
)
if (totals.findings > 0) process.exitCode = 1

async function work(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await run(name)
}

async function run(name: string): Promise<void> {
  const known = readInputs(findingsPath(name))
  const { findings, end } = await fuzz({
    url: targetUrl(name),
    root: SOURCES,
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    inputs: [...readInputs(corpusPath(name)), ...known],
    onStanding: (standing) => console.log(line(name, standing)),
  })
  for (const { what, details, data } of findings)
    console.log(`${name.padEnd(14)} FOUND ${what}\n  ${details.replaceAll('\n', '\n  ')}\n  ${shown(data)}`)
  if (findings.length > 0) writeInputs(findingsPath(name), [...known, ...findings.map(({ data }) => data)])
  totals.findings += findings.length
  if (end === undefined) return
  totals.executions += end.standing.executions
  console.log(line(name, end.standing))
  if (values.missed) console.log(end.missed.map((place) => `  ${place}`).join('\n'))
  if (values.save) writeInputs(corpusPath(name), end.gist)
}

function line(name: string, { executions, seconds, points, reached, features, inputs }: Standing): string {
  return [
    name.padEnd(14),
    `${executions} inputs in ${seconds.toFixed(0)} s (${Math.round(executions / seconds)}/s)`,
    `${reached} of ${points} points`,
    `${features} features`,
    `corpus ${inputs}`,
  ].join(', ')
}
