/** Flags and variables that say different things. */
import { expect, test } from 'vitest'
import { runProgram, type Outcome } from './fake-env.ts'

const run = (line: string, variables: Record<string, string> = {}): Promise<Outcome> =>
  runProgram(line.trim().split(' '), { variables })

test('a flag that switches off wins over a variable that switches on', async () => {
  const hint = /^-dest has no effect with -seed\n/
  const said = async (flag: string): Promise<string> =>
    (await run(`-seed nothing.bin -dest there ${flag}`, { BITSWARM_QUIET: '1' })).stderr
  for (const flag of ['-quiet=false', '-no-quiet']) expect(await said(flag)).toMatch(hint)
  expect(await said('')).not.toMatch(hint)
  const { log } = await run('-get nothing.bit -verbose=false', {
    BITSWARM_VERBOSE: '1',
    BITSWARM_LOG_LEVEL: 'error',
  })
  expect(log.map(({ event }) => event)).toEqual(['error'])
})

test.each<[string, Record<string, string>]>([
  [
    'BITSWARM_VERBOSE means BITSWARM_LOG_LEVEL debug, not info: give one',
    { BITSWARM_VERBOSE: '1', BITSWARM_LOG_LEVEL: 'info' },
  ],
  [
    'BITSWARM_QUIET and BITSWARM_PROGRESS exclude each other: give one',
    { BITSWARM_QUIET: '1', BITSWARM_PROGRESS: '1' },
  ],
  [
    'BITSWARM_PORT and BITSWARM_TCP_LISTEN mean the same: give one',
    { BITSWARM_PORT: '1', BITSWARM_TCP_LISTEN: ':1' },
  ],
])('variables that contradict each other are named: %s', async (words, variables) => {
  expect(await run('-get nothing.bit', variables)).toMatchObject({
    code: 2,
    stderr: `bitswarm: ${words}\n`,
  })
})
