/** The fuzzer finds what is planted for it: otherwise its silence would mean nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { Corpus } from './engine/corpus.ts'
import { Coverage } from './engine/coverage.ts'
import { readInputs, writeInputs } from './engine/input-file.ts'
import { instrument } from './engine/instrument.ts'
import { latin1 } from './engine/mutator.ts'
import { fuzz, type RunResult } from './engine/watched-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'bitswarm-fuzz-'))
afterAll(() => rmSync(folder, { recursive: true }))

const PLANTED = new URL('planted/', import.meta.url).href

/** A few seconds, unless the machine has much else to do. */
const LONGEST_HUNT_MS = 180_000

/** Work that no reader makes unless it was planted, however slow and busy the machine. */
const MAX_MS = 200

/** Fuzzes one of the planted readers until it is found out. */
function hunt(reader: string, hangMs?: number): Promise<RunResult> {
  const path = join(folder, `${reader}.mjs`)
  writeFileSync(
    path,
    `import { ${reader} } from ${JSON.stringify(`${PLANTED}readers.ts`)}
export const target = { sources: ['readers.ts'], seeds: () => [new Uint8Array(8)], run: ${reader}, maxMs: ${MAX_MS} }`,
  )
  const url = pathToFileURL(path).href
  return fuzz({
    url,
    root: PLANTED,
    seconds: LONGEST_HUNT_MS / 1_000,
    seed: 1,
    inputs: [],
    maxFindings: 1,
    ...(hangMs !== undefined && { hangMs }),
  })
}

describe('the fuzzer finds', { timeout: LONGEST_HUNT_MS + 5_000 }, () => {
  test('a word, letter by letter, because each one leads somewhere new', async () => {
    const { findings } = await hunt('readWord')
    expect(findings).toMatchObject([{ what: 'Error: the word was said', data: latin1('swarm!') }])
  })

  test('a key that is compared as a whole', async () => {
    const { findings } = await hunt('readKey')
    expect(findings).toMatchObject([{ what: 'Error: the key was found' }])
    expect(Buffer.from(findings[0]!.data).toString('latin1')).toBe('hiijvwef')
  })

  test('an input that takes too much memory', async () => {
    const { findings } = await hunt('readGreedily')
    expect(findings).toMatchObject([{ what: 'too much memory' }])
    expect(findings[0]!.data[0]).toBe(0x7e)
  })

  test('an input that takes too long', async () => {
    const { findings } = await hunt('readSlowly')
    expect(findings).toMatchObject([{ what: 'too slow' }])
    expect(findings[0]!.data[0]).toBe(0x7e)
  })

  test('an input that never ends', async () => {
    const { findings, end } = await hunt('readEndlessly', 5_000)
    expect(findings).toMatchObject([{ what: 'never ends' }])
    expect(findings[0]!.data[0]).toBe(0x7e)
    expect(end).toBeUndefined()
  })
})

describe('counters', () => {
  /** What the instrumented text gives, and how often each of its points was passed. */
  function run(source: string, ...values: unknown[]): readonly [result: unknown, hits: number[]] {
    const { text, points } = instrument(source, 0)
    const hits = new Uint8Array(points.length)
    const world = { __fuzzHits: hits, __fuzzEqual: (a: unknown, b: unknown) => a === b }
    // The text is ours.
    // oxlint-disable-next-line no-new-func
    const make = new Function('globalThis', `${text}\nreturn main`) as (
      world: object,
    ) => (...v: unknown[]) => unknown
    return [make(world)(...values), [...hits]]
  }

  test('tell which way was taken', () => {
    const source = 'function main(a) { if (a > 1) return "more"\n return "less" }'
    expect(run(source, 2)).toEqual(['more', [1, 0, 1]])
    expect(run(source, 1)).toEqual(['less', [1, 1, 0]])
  })

  test.each([
    ['let s = 0\nfor (const x of a) s += x\nreturn s', [1, 2, 3], 6],
    ['if (a) if (a > 1) return 1; else return 2\nreturn 3', 1, 2],
    ['if (a) if (a > 1) return 1; else return 2\nreturn 3', 0, 3],
    ['return a === "x" ? (a !== "y" && 5) : a ?? 7', null, 7],
    ['return a === "x" ? (a !== "y" && 5) : a ?? 7', 'x', 5],
    ['const f = ({ b = 4 } = {}) => ({ b })\nreturn f(a).b', undefined, 4],
    ['switch (a) { case 1: case 2: { return "few" } default: return "many" }', 1, 'few'],
    ['try { throw new Error(a) } catch (e) { return e.message } finally { a = 0 }', 'x', 'x'],
    ['let b = a\nb ??= 3\nb ||= 4\ndo b--\nwhile (b > 1)\nreturn b', undefined, 1],
    ['class A { #x = 1; get x() { return this.#x } }\nreturn new A().x === a', 1, true],
  ])('change nothing: %s', (body, value, expected) => {
    expect(run(`function main(a) { ${body} }`, value)[0]).toBe(expected)
  })

  test('leave lines where they are', () => {
    const source =
      'import { a } from "./a.ts"\n\nexport const b = (c: string): string =>\n  c === a ? c : a\n'
    const { text, points } = instrument(source, 0)
    expect(text.split('\n')).toHaveLength(source.split('\n').length)
    expect(points).toEqual([
      { line: 4, column: 3 },
      { line: 4, column: 13 },
      { line: 4, column: 17 },
    ])
  })
})

test('the corpus keeps the shortest input for each way', () => {
  const coverage = new Coverage()
  coverage.claim(3)
  const corpus = new Corpus()
  const see = (text: string, ...points: number[]): boolean => {
    coverage.reset()
    for (const point of points) coverage.hits[point]!++
    return corpus.observe(latin1(text), coverage)
  }
  expect([see('long', 0, 1), see('longer', 0, 1), see('short', 2), see('abc', 1), see('ab', 0)]).toEqual([
    true,
    false,
    true,
    false,
    false,
  ])
  expect(corpus.inputs.map((data) => Buffer.from(data).toString())).toEqual(['short', 'abc', 'ab'])
  expect(see('loop', 2, 2)).toBe(true)
  expect(corpus.gist().map((data) => Buffer.from(data).toString())).toEqual(['ab', 'abc', 'loop'])
})

test('inputs are the same after they were written', () => {
  const path = join(folder, 'inputs', 'some.txt')
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  writeInputs(path, [all, new Uint8Array(), latin1('ab'), latin1('ab')])
  expect(readInputs(path)).toEqual([new Uint8Array(), latin1('ab'), all])
})
