/** aria2c 1.36. It cannot be told a peer's address, but it answers whoever dials it. */
import type { ForeignClient, Job, RunningClient } from './client.ts'
import { firstLine, ForeignProcess } from './foreign-process.ts'
import { RemoteControl } from './remote-control.ts'

interface Download {
  readonly completedLength: string
  readonly totalLength: string
}

export const aria2: ForeignClient = {
  name: 'aria2',
  canDial: false,

  version: () => firstLine('aria2c', ['--version']),

  async start(job: Job): Promise<RunningClient> {
    const { host } = job
    const aria2c = new ForeignProcess(
      'aria2c',
      [
        '--no-conf',
        '--quiet',
        `--interface=${host.address}`,
        `--listen-port=${job.port}`,
        `--dir=${job.folder}`,
        '--enable-dht=false',
        '--enable-dht6=false',
        `--bt-enable-lpd=${job.hasLan}`,
        `--enable-peer-exchange=${job.hasPex}`,
        '--disable-ipv6=true',
        '--file-allocation=none',
        // It stays and seeds whatever it has uploaded; what lies there already is taken for complete.
        '--seed-ratio=0.0',
        ...(job.role === 'seed' ? ['--bt-seed-unverified=true'] : []),
        '--enable-rpc',
        `--rpc-listen-port=${job.controlPort}`,
        job.source,
      ],
      { host },
    )
    const control = new RemoteControl(host, job.controlPort, job.scratch)
    const active = async (): Promise<readonly Download[]> => {
      const method = 'aria2.tellActive'
      const params = [['completedLength', 'totalLength']]
      const { body } = await control.post('/jsonrpc', { jsonrpc: '2.0', id: 1, method, params })
      return (body as { result: Download[] }).result
    }
    const stop = async (): Promise<void> => {
      await control.stop()
      await aria2c.stop()
    }
    try {
      await aria2c.until('downloading or seeding', async () =>
        active().then(
          ({ length }) => length > 0,
          () => false,
        ),
      )
      await aria2c.until('listening', () => aria2c.isListeningOn(job.port))
    } catch (error) {
      await stop()
      throw error
    }
    return {
      isComplete: async () => {
        const [download] = await active()
        if (download === undefined) throw new Error(`aria2 has dropped its download: ${aria2c.output}`)
        return Number(download.totalLength) > 0 && download.completedLength === download.totalLength
      },
      get output() {
        return aria2c.output
      },
      stop,
    }
  },
}
