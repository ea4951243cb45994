/** A client that is a library: a script runs one job with it, and prints `listening`, then `complete` once all is there. */
import type { Job, RunningClient } from './client.ts'
import { ForeignProcess } from './foreign-process.ts'

export async function startScript(interpreter: string, script: string, job: Job): Promise<RunningClient> {
  const words = [script, JSON.stringify({ ...job, host: job.host.address })]
  const client = new ForeignProcess(interpreter, words, { host: job.host })
  const isComplete = async (): Promise<boolean> => /^complete$/m.test(client.output)
  try {
    await client.until('listening', () => /^listening$/m.test(client.output))
    if (job.role === 'seed') await client.until('seeding', isComplete)
  } catch (error) {
    await client.stop()
    throw error
  }
  return {
    isComplete,
    get output() {
      return client.output
    },
    stop: () => client.stop(),
  }
}
