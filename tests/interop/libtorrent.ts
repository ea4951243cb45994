/** libtorrent 2.0.8 through its Python binding, which Debian builds for its own interpreter only. */
import { fileURLToPath } from 'node:url'
import { ClientProcess, firstLine, HOST, type ForeignClient, type Job, type RunningClient } from './client.ts'

const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('libtorrent-client.py', import.meta.url))

export const libtorrent: ForeignClient = {
  name: 'libtorrent',
  canDial: true,

  version: () => firstLine(PYTHON, ['-c', 'import libtorrent; print("libtorrent", libtorrent.__version__)']),

  async start(job: Job): Promise<RunningClient> {
    const client = new ClientProcess(PYTHON, [SCRIPT, JSON.stringify({ ...job, host: HOST })])
    const isComplete = async (): Promise<boolean> => client.output.includes('complete')
    try {
      await client.until('listening', async () => client.output.includes('listening'))
      if (job.role === 'seed') await client.until('seeding', isComplete)
    } catch (error) {
      await client.stop()
      throw error
    }
    return { isComplete, stop: () => client.stop() }
  },
}
