/** `bitswarm simulate swarm`: whole swarms of the product's own nodes in virtual time, with faults, under an oracle. */
import { ConfigError } from '../../src/app/library.ts'
import { SystemClock } from '../../src/app/node/clock.ts'
import { opensslHashes } from '../../src/app/node/hashes.ts'
import { describeFault, type PlannedFault } from '../../src/app/sim/faults/plan.ts'
import { faultsOf, runSwarm, swarmOf, type SwarmRun } from '../../src/app/sim/faults/run-swarm.ts'
import { MEETINGS, type SwarmPlan } from '../../src/app/sim/faults/scenario.ts'
import { shrinkPlan } from '../../src/app/sim/faults/shrink.ts'
import type { Env } from '../env.ts'
import { EXIT_MISSED, EXIT_OK } from '../exit-code.ts'

export interface SimulateSwarmOptions {
  readonly seeds: readonly number[]
  readonly hasFaults: boolean
  /** Numbers of the faults that happen; all when missing. */
  readonly only: readonly number[] | undefined
  readonly isJson: boolean
  /** Prints every event of every machine. */
  readonly hasLog: boolean
}

export async function simulateSwarm(env: Env, options: SimulateSwarmOptions): Promise<number> {
  const { seeds, isJson } = options
  const clock = new SystemClock()
  const startedAt = clock.now()
  let [failed, events, faults] = [0, 0, 0]
  for (const seed of seeds) {
    const run = await runSeed(env, seed, options)
    events += run.events
    faults += run.faults.length
    if (run.violation !== undefined) {
      failed++
      await reportFailure(env, run, options)
    } else if (isJson) env.stdout.write(`${JSON.stringify(summaryOf(run))}\n`)
    else if (seeds.length === 1) env.stdout.write(`${describeRun(run)}\n`)
  }
  const total = {
    seeds: seeds.length,
    failed,
    faults,
    events,
    wallSeconds: Math.round(clock.now() - startedAt) / 1_000,
  }
  env.stdout.write(
    isJson
      ? `${JSON.stringify(total)}\n`
      : `${failed === 0 ? 'PASS' : 'FAIL'} seeds=${total.seeds} failed=${failed} faults=${faults} events=${events} wall=${total.wallSeconds}s\n`,
  )
  return failed === 0 ? EXIT_OK : EXIT_MISSED
}

function runSeed(
  env: Env,
  seed: number,
  { hasFaults, only, hasLog }: SimulateSwarmOptions,
): Promise<SwarmRun> {
  const planned = hasFaults ? faultsOf(seed, swarmOf(seed)) : []
  const faults = only === undefined ? planned : planned.filter(({ number }) => only.includes(number))
  const missing = only?.filter((wanted) => !planned.some(({ number }) => number === wanted)) ?? []
  if (missing.length > 0)
    throw new ConfigError('config.usage', `-only: seed ${seed} has no fault ${missing.join(', ')}`)
  return runSwarm({
    seed,
    faults,
    hashes: opensslHashes,
    ...(hasLog && {
      onEvent: (atMs, machine, event) =>
        env.stdout.write(
          `${JSON.stringify({ atMs: Math.round(atMs * 1_000) / 1_000, machine, ...event })}\n`,
        ),
    }),
  })
}

/** One line that says how to replay it, and the smallest plan that reproduces it. */
async function reportFailure(
  env: Env,
  run: SwarmRun,
  { hasFaults, isJson }: SimulateSwarmOptions,
): Promise<void> {
  const { seed, violation } = run
  const { invariant, atMs, machine, message } = violation!
  const smallest = await shrinkPlan(run.faults, async (faults) => {
    const again = await runSwarm({ seed, faults, hashes: opensslHashes })
    return again.violation?.invariant === invariant
  })
  const numbers = smallest.map(({ number }) => number).join(',')
  const replay = `bitswarm simulate swarm${hasFaults ? ' -faults' : ''} -seeds ${seed}`
  if (isJson) {
    const plan = smallest.map((fault) => describeFault(fault))
    env.stdout.write(`${JSON.stringify({ ...summaryOf(run), violation, replay, smallest: plan })}\n`)
    return
  }
  env.stdout.write(
    [
      `FAIL seed=${seed} at=${atMs.toFixed(3)}ms invariant=${invariant} machine=${machine} replay: ${replay}`,
      `  ${message}`,
      `  trace ${run.trace}`,
      ...(hasFaults
        ? [
            `  smallest plan: ${smallest.length} of ${run.faults.length} faults${numbers && `, -only ${numbers}`}`,
          ]
        : []),
      ...describePlan(smallest),
      '',
    ].join('\n'),
  )
}

function summaryOf({ seed, swarm, faults, violation, trace, events, virtualMs }: SwarmRun): object {
  return {
    seed,
    isGood: violation === undefined,
    machines: swarm.machines.map(({ role }) => role),
    bytes: swarm.content.length,
    pieceLength: swarm.pieceLength,
    faults: faults.length,
    events,
    virtualMs: Math.round(virtualMs),
    trace,
  }
}

function describeRun({ seed, swarm, faults, trace, events, virtualMs }: SwarmRun): string {
  return [
    `seed ${seed}: ${swarm.content.length} bytes in pieces of ${swarm.pieceLength}, ${swarm.files.length} files`,
    ...describeMachines(swarm),
    ...describePlan(faults),
    `  all promises kept: ${events} events in ${(virtualMs / 1_000).toFixed(1)} s of virtual time, trace ${trace}`,
  ].join('\n')
}

function describeMachines({ machines, web, meeting, isPrivate, hasLink }: SwarmPlan): string[] {
  const lines = machines.map(
    ({ role, startsAt, up, pieces, knows }, index) =>
      `  machine ${index}: ${role}, ${pieces.length} pieces, up ${up} B/s, from ${startsAt / 1_000} s, knows ${knows.join(', ') || 'nobody'}`,
  )
  lines.push(`  they meet by ${MEETINGS[meeting]}${isPrivate ? ', and in no other way' : ''}`)
  if (hasLink) lines.push('  leechers start from a link')
  if (web === undefined) return lines
  const harm = web.isLying ? 'is wrong, late or broken off' : 'fails, or is late'
  return [...lines, `  web seed: up ${web.up} B/s, one answer in ${web.oneIn} ${harm}`]
}

function describePlan(faults: readonly PlannedFault[]): string[] {
  return faults.map((fault) => `  ${describeFault(fault)}`)
}
