/**
 * A client that is a library: a script runs one job with it. It prints `serving` (a seeder) or `complete` (a leecher),
 * and `uploaded <bytes>` on SIGUSR1.
 */
import { ClientProcess } from './client-process.ts'
import type { Job, RunningClient } from './client.ts'

/** @param command interpreter, script and its arguments; the job follows as the last one, in JSON */
export async function startDriver(command: readonly string[], job: Job): Promise<RunningClient> {
  const child = new ClientProcess([...command, JSON.stringify(job)])
  const complete = child.whenSaid('complete')
  if (job.role === 'seed') await child.whenSaid('serving')
  return {
    pid: child.pid,
    complete,
    async uploadedBytes() {
      const answer = child.whenSaid('uploaded ')
      child.signal('SIGUSR1')
      return Number((await answer).split(' ')[1])
    },
    stop: () => child.stop(),
  }
}
