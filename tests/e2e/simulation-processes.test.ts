/** Simulated runs in real processes of their own. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { FROM_SOURCE } from '../../scripts/swarm-process.ts'

const simulate = (line: string): string[] => [FROM_SOURCE, 'simulate', 'dht', ...line.split(' ')]
const traces = (stdout: string): string[] => stdout.match(/(?<="trace":")[0-9a-f]{64}/g) ?? []

test('are the same runs, in the same order', () => {
  const [here, elsewhere] = ['1', '3'].map((processes) =>
    spawnSync(
      process.execPath,
      simulate(`-nodes 12,15 -lookups 5 -seeds 1-2 -json -processes ${processes}`),
      {
        encoding: 'utf8',
      },
    ),
  )
  expect(traces(here!.stdout)).toHaveLength(4)
  expect(traces(elsewhere!.stdout)).toEqual(traces(here!.stdout))
  expect([elsewhere!.status, elsewhere!.stderr]).toEqual([0, ''])
})

test.skipIf(process.platform !== 'linux')('end with the one that waits for them', async () => {
  // Left alone, they would run for hours.
  const parent = spawn(process.execPath, simulate('-nodes 1000 -lookups 1000000 -seeds 1-2 -processes 2'))
  const children = (): string[] =>
    readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  const pids = await vi.waitUntil(() => (children().length === 2 ? children() : undefined), {
    timeout: 20_000,
  })
  onTestFinished(() => {
    for (const pid of pids.filter(isRunning)) process.kill(Number(pid), 'SIGKILL')
    parent.kill('SIGKILL')
  })
  parent.kill('SIGTERM')
  expect(await new Promise((resolve) => parent.on('exit', resolve))).toBe(130)
  await vi.waitUntil(() => !pids.some(isRunning), { timeout: 10_000 })
})

/** It may be dead and not buried: whoever takes care of orphans may not have come by. */
function isRunning(pid: string): boolean {
  const stat = `/proc/${pid}/stat`
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'))
}
