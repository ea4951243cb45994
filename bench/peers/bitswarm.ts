/** The build of this checkout. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { FROM_DIST } from '../../scripts/swarm-process.ts'
import { ClientProcess } from '../client-process.ts'
import type { Client, Job, RunningClient } from '../client.ts'

const COMPLETE = '"event":"complete"'

/** The command line; Node itself is part of the cost. */
export function bitswarmWords(...args: readonly string[]): string[] {
  return [process.execPath, FROM_DIST, ...args]
}

/** Flags of a node that finds no peers other than those it is told about. */
export function quietFlags(job: Pick<Job, 'host' | 'port' | 'scratch'>): string[] {
  return ['-tcp-listen', `${job.host}:${job.port}`, '-dht-listen=', '-no-lan', '-state-dir', job.scratch]
}

export const bitswarm: Client = {
  name: 'bitswarm',
  canDial: true,
  hasLoopbackPeers: true,

  version: () =>
    execFileSync(process.execPath, [FROM_DIST, '--version'], { encoding: 'utf8' }).trim().split(' ').at(-1),

  async start(job: Job): Promise<RunningClient> {
    const what =
      job.role === 'seed'
        ? ['-seed', join(job.folder, 'payload.bin')]
        : ['-get', job.torrent, '-dest', job.folder]
    const child = new ClientProcess(
      bitswarmWords(
        ...what,
        ...quietFlags(job),
        ...['-keep', '-1'],
        ...(job.peers.length === 0 ? [] : ['-peer', job.peers.join(',')]),
        ...(job.tracker === undefined ? [] : ['-tracker', job.tracker]),
        ...(job.uploadLimit === undefined ? [] : ['-max-up', String(job.uploadLimit)]),
      ),
    )
    const complete = child.whenSaid(COMPLETE)
    if (job.role === 'seed') await complete
    return {
      pid: child.pid,
      complete,
      async uploadedBytes() {
        const stats = child.whenSaid('"event":"stats"')
        child.signal('SIGUSR2')
        return (JSON.parse(await stats) as { uploaded: number }).uploaded
      },
      stop: () => child.stop(),
    }
  },
}
