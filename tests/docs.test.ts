/** The documentation says what the program does, and its recipes work. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  BIT_SCHEMA_PATH,
  bitSchema,
  limitsIn,
  limitsPage,
  LIMITS_PATH,
  readLimits,
  README_PATH,
  withTables,
} from '../scripts/reference-docs.ts'
import { EVENTS } from '../src/app/events.ts'
import { ROOT } from './support/source-tree.ts'

const readme = readFileSync(README_PATH, 'utf8')
const fieldsOf = new Map<string, readonly string[]>(
  EVENTS.map(({ name, schema }) => [name, [...Object.keys(schema.shape), 'level', 'ts']]),
)

test('the tables of the README are those of the source (npm run docs)', () => {
  expect(withTables(readme)).toBe(readme)
})

test('every file that ARCHITECTURE.md names with its folder is there', () => {
  const page = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')
  const paths = [...page.matchAll(/`([\w-]+\/[\w/-]+\.ts)`/g)].map(([, path]) => path!)
  expect(paths.length).toBeGreaterThan(20)
  const isThere = (path: string): boolean =>
    ['', 'src'].some((folder) => existsSync(join(ROOT, folder, path)))
  expect(paths.filter((path) => !isThere(path))).toEqual([])
})

test('docs/bit.schema.json is the schema that the program checks with (npm run docs)', () => {
  expect(readFileSync(BIT_SCHEMA_PATH, 'utf8')).toBe(bitSchema())
})

describe('docs/limits.md', () => {
  test('is that of the source (npm run docs)', () => {
    expect(readFileSync(LIMITS_PATH, 'utf8')).toBe(limitsPage())
  })

  test('says what each limit is for', () => {
    expect(readLimits().length).toBeGreaterThan(50)
    expect(readLimits().filter(({ meaning }) => meaning === '')).toEqual([])
  })

  test('is found in the source by name, with the comment above', () => {
    const source = [
      '/** Peers at once. */',
      'export const MAX_PEERS = 50',
      'const MIN_PEERS: Readonly<Record<string, number>> = {',
      '  few: 1,',
      '}',
      '',
      'const MAX_BARE = 1',
      'const OTHER = 2',
    ].join('\n')
    expect(limitsIn('src/a.ts', source)).toEqual([
      { name: 'MAX_PEERS', value: '50', meaning: 'Peers at once.', path: 'src/a.ts' },
      { name: 'MIN_PEERS', value: '{ few: 1, }', meaning: 'Peers at once.', path: 'src/a.ts' },
      { name: 'MAX_BARE', value: '1', meaning: '', path: 'src/a.ts' },
    ])
  })
})

describe('jq recipes', () => {
  const recipes = [...readme.matchAll(/jq (-[^\n']*)'([^\n]*)'/g)].map(([, options, program]) => ({
    options: options!.trim().split(' '),
    program: program!,
  }))
  const log = [
    'not JSON',
    '{"level":"info","ts":"2026-01-01T00:00:00Z","event":"have","piece":7,"peer":"127.0.0.1:1","bytes":262144,"done":1,"pieces":4}',
    '{"level":"info","ts":"2026-01-01T00:00:01Z","event":"have","piece":8,"peer":"127.0.0.1:1","bytes":262144,"done":2,"pieces":4}',
    '{"level":"info","ts":"2026-01-01T00:00:02Z","event":"peer_left","peer":"127.0.0.1:1","reason":"closed","state":"waiting","downloaded":1,"uploaded":0}',
    '{"level":"debug","ts":"2026-01-01T00:00:03Z","event":"dht_pong","node":"127.0.0.1:2","direction":"in","rttMs":3}',
  ]
  const expected = [
    '2026-01-01T00:00:00Z 127.0.0.1:1 piece 7 25%\n2026-01-01T00:00:01Z 127.0.0.1:1 piece 8 50%\n',
    [{ peer: '127.0.0.1:1', pieces: 2, MiB: 0.5 }],
    '2026-01-01T00:00:02Z\t127.0.0.1:1\twaiting\tclosed\n',
    '2026-01-01T00:00:03Z\tdht_pong\t127.0.0.1:2\t3\n',
  ]

  test('name events and fields that exist', () => {
    expect(recipes).toHaveLength(expected.length)
    for (const { program } of recipes)
      for (const [, name] of program.matchAll(/\.event=="(\w+)"/g))
        expect(fieldsOf.has(name!), name).toBe(true)
  })

  test.skipIf(spawnSync('jq', ['--version']).status !== 0)('do what they say', () => {
    for (const [index, { options, program }] of recipes.entries()) {
      const { stdout, stderr } = spawnSync('jq', [...options, program], {
        input: `${log.join('\n')}\n`,
        encoding: 'utf8',
      })
      expect(stderr).toBe('')
      expect(typeof expected[index] === 'string' ? stdout : JSON.parse(stdout)).toEqual(expected[index])
    }
  })
})

describe('examples/loki', () => {
  const queries = readFileSync(join(ROOT, 'examples/loki/queries.logql'), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  /** Names that Loki or the Alloy configuration make, not the program. */
  const made = ['app', 'instance', 'percent']

  test('ask for events that exist, and for fields that those events have', () => {
    const asked = queries.map((query) => ({
      query,
      event: /event="(\w+)"/.exec(query)?.[1],
      fields: [
        ...[...query.matchAll(/unwrap (\w+)/g), ...query.matchAll(/by \((\w+)\)/g)].map(
          ([, field]) => field!,
        ),
        ...[...query.matchAll(/\{\{(.*?)\}\}/g)].flatMap(([, body]) =>
          [...body!.matchAll(/\.(\w+)/g)].map(([, field]) => field!),
        ),
      ].filter((field) => !made.includes(field)),
    }))
    expect(asked.flatMap(({ fields }) => fields).length).toBeGreaterThan(8)
    for (const { query, event, fields } of asked) {
      if (event !== undefined) expect([...fieldsOf.keys()], query).toContain(event)
      const known = event === undefined ? [...fieldsOf.values()].flat() : fieldsOf.get(event)!
      for (const field of fields) expect(known, query).toContain(field)
    }
  })

  test('take fields from the lines that most of them have', () => {
    const config = readFileSync(join(ROOT, 'examples/loki/config.alloy'), 'utf8')
    const [, expressions] = /expressions = \{([^}]*)\}/.exec(config) ?? []
    const fields = [...expressions!.matchAll(/(\w+) = ""/g)].map(([, field]) => field!)
    expect(fields).toEqual(['ts', 'level', 'event', 'peer'])
    for (const field of fields) expect([...fieldsOf.values()].flat()).toContain(field)
    for (const [, field] of config.matchAll(/values = \{([^}]*)\}/g))
      for (const [, name] of field!.matchAll(/(\w+) = ""/g)) expect([...fields, ...made]).toContain(name)
  })
})
