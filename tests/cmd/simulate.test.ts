import { describe, expect, test } from 'vitest'
import { runProgram, type Outcome } from './fake-env.ts'

const run = (line: string): Promise<Outcome> => runProgram(line.split(' '))

describe('simulate dht', () => {
  test('prints a table of each run', async () => {
    const { code, stdout, stderr } = await run('simulate dht -nodes 12,15 -lookups 5 -seeds 1-2')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.match(/^lookups wan (12|15), seed [12]$/gm)).toHaveLength(4)
    expect(stdout.match(/^ {2}success +100 %$/gm)).toHaveLength(4)
    expect(stdout.match(/^ {2}trace +[0-9a-f]{64}$/gm)).toHaveLength(4)
  })

  test('prints one JSON object a line, with what was asked for in it', async () => {
    const { stdout } = await run('simulate dht -nodes 12 -lookups 5 -profile lan -loss 0,10 -dead 20 -json')
    const runs = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { scenario: object; seed: number; metrics: { success: number } })
    expect(runs.map(({ scenario }) => scenario)).toMatchObject([
      { measure: 'lookups', nodes: 12, profile: 'lan', lossPercent: 0, deadPercent: 20 },
      { measure: 'lookups', nodes: 12, profile: 'lan', lossPercent: 10, deadPercent: 20 },
    ])
    expect(runs.every(({ seed, metrics }) => seed === 1 && metrics.success > 0)).toBe(true)
  })

  describe('with -processes', () => {
    const planned = 'simulate dht -nodes 12,15 -lookups 5 -seeds 1-2 -json'
    const traces = (stdout: string): string[] => stdout.match(/(?<="trace":")[0-9a-f]{64}/g) ?? []

    test.each([
      '-profile lan -loss 5 -churn 30 -dead 10 -nat 20 -codec json',
      '-mal silent -share 10,20',
      '-measure maintenance -minutes 3',
      '-cold',
    ])('%s: the same runs in the same order', async (flags) => {
      const here = await run(`${planned} ${flags}`)
      const elsewhere = await run(`${planned} ${flags} -processes 3`)
      expect(traces(here.stdout).length).toBeGreaterThanOrEqual(4)
      expect(traces(elsewhere.stdout)).toEqual(traces(here.stdout))
      expect(elsewhere.code).toBe(here.code)
    })

    test('no more runs are under way than asked for, and the first is told when it is done', async () => {
      let [underWay, most] = [0, 0]
      const { stdout } = await runProgram(`${planned} -processes 2`.split(' '), {
        async runAgain(args) {
          most = Math.max(most, ++underWay)
          const { code, stdout, stderr } = await run(args.join(' '))
          underWay--
          return { code, stdout, stderr, reason: '' }
        },
      })
      expect(most).toBe(2)
      expect(traces(stdout)).toEqual(traces((await run(planned)).stdout))
    })

    test('a process that dies ends the others: one line, exit code 1', async () => {
      const stopped: boolean[] = []
      const { code, stdout, stderr } = await runProgram(`${planned} -processes 4`.split(' '), {
        async runAgain(args, signal) {
          if (/-nodes 12 .*-seeds 1 /.test(args.join(' ')))
            return { code: undefined, stdout: '', stderr: '', reason: 'SIGKILL' }
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          stopped.push(signal.aborted)
          return { code: undefined, stdout: '', stderr: '', reason: 'SIGTERM' }
        },
      })
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toBe('bitswarm: lookups wan 12, seed 1: its process ended (SIGKILL)\n')
      expect(stopped).toEqual([true, true, true])
    })
  })

  test.each([
    ['simulate weather', /there is no simulation 'weather'; there are: dht, swarm/],
    ['simulate', /missing required argument/],
    ['simulate swarm -nodes 5', /unknown option '-nodes'/],
    ['simulate swarm -only 1', /-only needs -faults/],
    ['simulate swarm -faults -only 1,98,99', /-only: seed 1 has no fault 98, 99/],
    ['simulate dht -nodes 5', /-nodes '5': .*from 10 to/],
    ['simulate dht -processes 0', /-processes '0': .*from 1 to/],
    ['simulate dht -seeds 5-1', /-seeds '5-1': must be up to 1000 numbers or ranges/],
    ['simulate dht -seeds 1-999999999', /-seeds/],
    ['simulate dht -goals G1-G99', /-goals 'G1-G99': must be goals from G1 to G18/],
    ['simulate dht -goals G3 -nodes 2000', /-goals G3: none of them is set for 2000 nodes/],
    ['simulate dht -mal rude', /-mal 'rude': must be one of verified/],
    ['simulate dht -cold -mal silent', /exclude each other/],
  ])('%s: one line, exit code 2', async (line, message) => {
    const { code, stdout, stderr } = await run(line)
    expect(stderr).toMatch(message)
    expect([code, stdout]).toEqual([2, ''])
  })
})

describe('simulate swarm', () => {
  test('shows a single run with its plan of faults, and says that all was well', async () => {
    const { code, stdout, stderr } = await run('simulate swarm -faults -seeds 3')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^ {2}machine 0: seeder, /m)
    expect(stdout).toMatch(/^ {2}#1 \d+\.\d{3} s machine \d: /m)
    expect(stdout).toMatch(/trace [0-9a-f]{64}$/m)
    expect(stdout).toMatch(/^PASS seeds=1 failed=0 faults=\d+ events=\d+ wall=/m)
  })

  test('replays a seed exactly, with all of its faults or some', async () => {
    const traces = async (line: string): Promise<string[]> => (await run(line)).stdout.match(/[0-9a-f]{64}/g)!
    const [first, again] = [
      await traces('simulate swarm -faults -seeds 3'),
      await traces('simulate swarm -faults -seeds 3'),
    ]
    expect(again).toEqual(first)
    expect(await traces('simulate swarm -faults -seeds 3 -only 1')).not.toEqual(first)
  })

  test('says nothing of single runs among many, and one line of each with -json', async () => {
    const { stdout } = await run('simulate swarm -seeds 1-2')
    expect(stdout).toMatch(/^PASS seeds=2 failed=0 faults=0 [^\n]*\n$/)
    const lines = (await run('simulate swarm -seeds 1-2 -json')).stdout.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { seed: 1, isGood: true },
      { seed: 2, isGood: true },
      { seeds: 2, failed: 0 },
    ])
  })

  test('prints what machines report, in the order of time', async () => {
    const { stdout } = await run('simulate swarm -seeds 2 -log')
    const events = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { atMs: number; machine: number; event: string })
    expect(events.map(({ event }) => event)).toContain('complete')
    expect(events.map(({ atMs }) => atMs)).toEqual(events.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
  })
})
