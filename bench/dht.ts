/**
 * `npm run bench:dht`: what one node of the DHT does on real sockets, on loopback. Prints a table, a line for every goal and,
 * with `--json`, one JSON line a measure; ends with 1 when a goal is missed. Linux only: it binds addresses all over 127/8.
 *
 *     npm run bench:dht -- udp [--kind ping,find,find+peers,announce] [--psk off,hmac,aead] [--seconds 5]
 *     npm run bench:dht -- flood [--junk 200000] [--good 5000] [--seconds 5]
 *     npm run bench:dht -- crowd [--nodes 2000] [--hashes 200]
 *     npm run bench:dht -- answers [--psk off,hmac,aead] [--seconds 5]
 *     npm run bench:dht -- codec
 *     npm run bench:dht -- amplification
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { measureAmplification } from './dht/amplification.ts'
import { measureAnswers } from './dht/answers.ts'
import { measureCodec } from './dht/codec.ts'
import { measureCrowd } from './dht/crowd.ts'
import { measureFlood } from './dht/flood.ts'
import { PSKS, type Psk } from './dht/member.ts'
import { KINDS, type Kind } from './dht/questions.ts'
import { measureUdp, type UdpRow } from './dht/udp.ts'
import { aligned, shown } from './report.ts'

const { values, positionals } = parseArgs({
  options: {
    kind: { type: 'string' },
    psk: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    junk: { type: 'string', default: '200000' },
    good: { type: 'string', default: '5000' },
    nodes: { type: 'string', default: '2000' },
    hashes: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})

const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function udp(): Promise<void> {
  const kinds = chosen<Kind>('kind', values.kind, KINDS)
  const rows: UdpRow[] = []
  for (const psk of chosen<Psk>('psk', values.psk, PSKS))
    rows.push(...(await measureUdp(kinds, psk, { seconds: Number(values.seconds), say })))
  print({ measure: 'udp', rows }, [
    [
      '',
      'answers/s',
      'of an echo',
      'CPU µs',
      'busy',
      'echo µs',
      'busy',
      'p50 µs',
      'p99 µs',
      'echo p99',
      'asks B',
      'answers B',
      'lost',
      'GC p99 ms',
    ],
    ...rows.map((row) => [
      named(row),
      row.perSecond.toFixed(0),
      `${row.share.toFixed(2)} ×`,
      shown(row.cpuMicros),
      row.busy.toFixed(2),
      shown(row.echoCpuMicros),
      row.echoBusy.toFixed(2),
      row.p50Micros.toFixed(0),
      row.p99Micros.toFixed(0),
      row.echoP99Micros.toFixed(0),
      row.questionBytes.toFixed(0),
      row.answerBytes.toFixed(0),
      row.lost.toFixed(0),
      shown(row.gcP99Ms),
    ]),
  ])
  for (const { share, goal, p99Micros, echoP99Micros, isMet, ...row } of rows)
    judge(
      isMet,
      `G19 ${named(row)}: ${share.toFixed(2)} × an echo${goal === undefined ? '' : `, goal ≥ ${goal} ×`}; p99 at half load ${(p99Micros / 1_000).toFixed(1)} ms, goal < 5 ms, the echo's ${(echoP99Micros / 1_000).toFixed(1)} ms`,
    )
}

const named = ({ kind, psk }: Pick<UdpRow, 'kind' | 'psk'>): string =>
  psk === 'off' ? kind : `${kind} ${psk}`

/** Those of `all` that the command line names, or all. */
function chosen<Name extends string>(
  option: string,
  value: string | undefined,
  all: readonly Name[],
): readonly Name[] {
  const names = (value?.split(',') ?? all) as readonly Name[]
  const unknown = names.filter((name) => !all.includes(name))
  if (unknown.length > 0) throw new Error(`no ${option} ${unknown.join(', ')}; there are ${all.join(', ')}`)
  return names
}

async function crowd(): Promise<void> {
  const report = await measureCrowd(Number(values.nodes), Number(values.hashes), say)
  const { nodes, ready, hashes, found, dropped, ...figures } = report
  print({ measure: 'crowd', ...report }, [
    ...Object.entries(figures).map(([title, value]) => [title, shown(value)]),
    ['dropped', JSON.stringify(dropped)],
  ])
  judge(ready === nodes, `crowd: ${ready} of ${nodes} real nodes are ready`)
  judge(found === hashes, `crowd: ${found} of ${hashes} announced hashes are found`)
}

/** The share of good answers that a flood must leave (G20). */
const MIN_GOODPUT = 0.5

async function flood(): Promise<void> {
  const report = await measureFlood({
    junkPerSecond: Number(values.junk),
    goodPerSecond: Number(values.good),
    seconds: Number(values.seconds),
  })
  const { dropped, ...figures } = report
  print({ measure: 'flood', ...report }, [
    ...Object.entries(figures).map(([title, value]) => [title, shown(value)]),
    ['dropped', JSON.stringify(dropped)],
  ])
  judge(
    report.goodput >= MIN_GOODPUT,
    `G20 ${(100 * report.goodput).toFixed(0)} % of the good answers under ${Math.round(report.junkOffered)} junk datagrams a second, goal ≥ 50 %`,
  )
}

function answers(): void {
  const rows = chosen<Psk>('psk', values.psk, PSKS).flatMap((psk) =>
    measureAnswers(psk, Number(values.seconds)),
  )
  print({ measure: 'answers', rows }, [
    ['without a socket', 'CPU µs', 'asks B', 'answers B'],
    ...rows.map((row) => [
      row.psk === 'off' ? row.kind : `${row.kind} ${row.psk}`,
      row.micros.toFixed(2),
      String(row.questionBytes),
      String(row.answerBytes),
    ]),
  ])
}

function codec(): void {
  const rows = measureCodec()
  print({ measure: 'codec', rows }, [
    ['µs', 'bytes', 'decode', 'of it JSON.parse', 'encode', 'length'],
    ...rows.map((row) => [
      row.what,
      String(row.bytes),
      ...[row.decodeMicros, row.parseMicros, row.encodeMicros, row.lengthMicros].map(shown),
    ]),
  ])
}

/** Bytes of an answer per byte of a request, for an unproven sender (G21). */
const MAX_RATIO = 3

function amplification(): void {
  const rows = measureAmplification()
  print({ measure: 'amplification', rows }, [
    ['sender', 'IP', 'question', 'worst ratio', 'asked B', 'answered B', 'with headers'],
    ...rows.map((row) => [
      row.sender,
      `v${row.family}`,
      row.kind,
      row.ratio.toFixed(3),
      String(row.asked),
      String(row.answered),
      row.ratioWithHeaders.toFixed(3),
    ]),
  ])
  const worst = Math.max(...rows.filter(({ sender }) => sender === 'stranger').map(({ ratio }) => ratio))
  judge(worst <= MAX_RATIO, `G21 a stranger gets ${worst.toFixed(3)} × its bytes at most, goal ≤ 3.000 ×`)
}

const MEASURES: Readonly<Record<string, () => void | Promise<void>>> = {
  udp,
  flood,
  crowd,
  answers,
  codec,
  amplification,
}

/** What the figures depend on besides the code. */
const MACHINE = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version }

function print(result: object, rows: readonly (readonly string[])[]): void {
  if (values.json) return console.log(JSON.stringify({ ...result, machine: MACHINE }))
  console.log(`${aligned(rows)}\n${MACHINE.cores} × ${MACHINE.cpu}, Node ${MACHINE.node}`)
}

function judge(isMet: boolean, line: string): void {
  console.log(`${isMet ? 'PASS' : 'FAIL'} ${line}`)
  if (!isMet) process.exitCode = 1
}

try {
  for (const name of positionals.length === 0 ? Object.keys(MEASURES) : positionals) {
    const measure = MEASURES[name]
    if (measure === undefined)
      throw new Error(`no measure ${name}; there are ${Object.keys(MEASURES).join(', ')}`)
    await measure()
  }
} catch (error) {
  process.stderr.write(`bench:dht failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
