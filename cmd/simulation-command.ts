/** `bitswarm simulate` and its two networks, as commander knows them. */
import type { Command } from 'commander'
import { ConfigError } from '../src/protocol/errors.ts'
import type { SimulateDhtOptions, SimulateSwarmFlags } from './commands/simulate.ts'
import type { Env } from './env.ts'

export function addSimulation(program: Command, env: Env, onResult: (code: number) => void): void {
  const simulation = program
    .command('simulate')
    .description(
      'dht: thousands of DHT nodes in virtual time, against their goals; swarm: whole swarms, with faults',
    )
    .argument('<dht|swarm>')
    .usage('dht|swarm [options]')
    .action((what: string) => {
      throw new ConfigError('config.usage', `there is no simulation '${what}'; there are: dht, swarm`)
    })
  simulation
    .command('dht')
    .description('thousands of DHT nodes in virtual time, against their goals')
    .option('--goals <list>', 'the runs that decide about these goals, as in G1-G7,G12, or all')
    .option('--measure <name>', 'lookups, maintenance, join, crowd, restart or partition', 'lookups')
    .option('--nodes <list>', 'sizes of the network', '1000')
    .option('--profile <name>', 'wan (median round trip 80 ms) or lan (1 ms)', 'wan')
    .option('--loss <list>', 'datagrams lost, percent', '0')
    .option('--churn <list>', 'median session in minutes; 0: nobody leaves', '0')
    .option('--dead <list>', 'dead contacts at the start, percent', '0')
    .option('--nat <list>', 'read-only nodes behind a NAT, percent', '0')
    .option('--mal <name>', 'attackers: verified, fabricated, spaced, manifold, poison or silent')
    .option('--share <list>', 'of them, percent of all nodes', '5')
    .option('--minutes <count>', 'how long maintenance is watched', '30')
    .option('--lookups <count>', 'lookups, and as many walks to random places', '2000')
    .option('--seeds <list>', 'of chance: 1-5 or 1,4; goals are judged by the worst', '1')
    .option('--codec <name>', 'object, or json: as on a real socket', 'object')
    .option('--cold', 'begin with real joins instead of full tables')
    .option('--json', 'one JSON object a line')
    .action(async (options: SimulateDhtOptions) => {
      const { simulateDht } = await import('./commands/simulate.ts')
      onResult(simulateDht(env, options))
    })
  simulation
    .command('swarm')
    .description('whole swarms in virtual time: every piece must arrive, whatever fails')
    .option('--faults', 'let disks, processes, networks and clocks fail, as the seed says')
    .option('--only <list>', 'of the faults only those with these numbers: 2,5-7')
    .option('--seeds <list>', 'of chance: 1-5 or 1,4', '1')
    .option('--log', 'print every event of every machine')
    .option('--json', 'one JSON object a line')
    .action(async (options: SimulateSwarmFlags) => {
      const { simulateSwarms } = await import('./commands/simulate.ts')
      onResult(await simulateSwarms(env, options))
    })
}
