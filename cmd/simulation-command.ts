/** `bitswarm simulate` and its two kinds of network, as commander knows them. */
import type { Command } from 'commander'
import { ConfigError } from '../src/protocol/errors.ts'
import type { SimulateDhtOptions, SimulateSwarmFlags } from './commands/simulate.ts'
import type { Env } from './env.ts'

export function addSimulation(program: Command, env: Env, onResult: (code: number) => void): void {
  const simulation = program
    .command('simulate')
    .description(
      'dht: thousands of DHT nodes in virtual time, judged by their goals; swarm: whole swarms, with faults',
    )
    .argument('<dht|swarm>')
    .usage('dht|swarm [options]')
    .action((what: string) => {
      throw new ConfigError('config.usage', `there is no simulation '${what}'; there are: dht, swarm`)
    })
  simulation
    .command('dht')
    .description('thousands of DHT nodes in virtual time, judged by their goals')
    .option('--goals <list>', 'make the runs that decide these goals, such as G1-G7,G12, or all')
    .option('--measure <name>', 'lookups, maintenance, join, crowd, restart or partition', 'lookups')
    .option('--nodes <list>', 'sizes of the network', '1000')
    .option('--profile <name>', 'wan (median round trip 80 ms) or lan (1 ms)', 'wan')
    .option('--loss <list>', 'percent of datagrams lost, each way', '0')
    .option('--churn <list>', 'median session in minutes; 0: nobody leaves', '0')
    .option('--dead <list>', 'percent of nodes that are dead at the start', '0')
    .option('--nat <list>', 'percent of nodes that are read-only, behind a NAT', '0')
    .option('--mal <name>', 'attackers: verified, fabricated, spaced, manifold, poison or silent')
    .option('--share <list>', 'attackers, percent of all nodes', '5')
    .option('--minutes <count>', 'how long maintenance is watched', '30')
    .option('--lookups <count>', 'number of lookups, and of walks to random places', '2000')
    .option('--seeds <list>', 'random seeds: 1-5 or 1,4; goals are judged by the worst', '1')
    .option('--codec <name>', 'object, or json: encoded as on a real socket', 'object')
    .option('--processes <count>', 'runs that are made at once, each in a process of its own', '1')
    .option('--cold', 'start with real joins instead of full tables')
    .option('--json', 'print one JSON object per line')
    .action(async (options: SimulateDhtOptions) => {
      const { simulateDht } = await import('./commands/simulate.ts')
      onResult(await simulateDht(env, options))
    })
  simulation
    .command('swarm')
    .description('whole swarms in virtual time: every piece must arrive, whatever fails')
    .option('--faults', 'let disks, processes, networks and clocks fail, as the seed says')
    .option('--only <list>', 'only the faults with these numbers: 2,5-7')
    .option('--seeds <list>', 'random seeds: 1-5 or 1,4', '1')
    .option('--log', 'print every event of every machine')
    .option('--json', 'print one JSON object per line')
    .action(async (options: SimulateSwarmFlags) => {
      const { simulateSwarms } = await import('./commands/simulate.ts')
      onResult(await simulateSwarms(env, options))
    })
}
