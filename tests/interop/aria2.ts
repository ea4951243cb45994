/** aria2c 1.36. It cannot be told a peer's address, but it answers whoever dials it. */
import {
  ClientProcess,
  firstLine,
  HOST,
  isListening,
  type ForeignClient,
  type Job,
  type RunningClient,
} from './client.ts'

interface Download {
  readonly completedLength: string
  readonly totalLength: string
}

export const aria2: ForeignClient = {
  name: 'aria2',
  canDial: false,

  version: () => firstLine('aria2c', ['--version']),

  async start(job: Job): Promise<RunningClient> {
    const aria2c = new ClientProcess('aria2c', [
      '--no-conf',
      '--quiet',
      `--interface=${HOST}`,
      `--listen-port=${job.port}`,
      `--dir=${job.folder}`,
      '--enable-dht=false',
      '--enable-dht6=false',
      '--bt-enable-lpd=false',
      '--enable-peer-exchange=false',
      '--disable-ipv6=true',
      '--file-allocation=none',
      // It stays and seeds whatever it has uploaded; what lies there already is taken for complete.
      '--seed-ratio=0.0',
      ...(job.role === 'seed' ? ['--bt-seed-unverified=true'] : []),
      '--enable-rpc',
      `--rpc-listen-port=${job.controlPort}`,
      job.torrent,
    ])
    const active = async (): Promise<readonly Download[]> => {
      const response = await fetch(`http://${HOST}:${job.controlPort}/jsonrpc`, {
        method: 'POST',
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'aria2.tellActive',
          params: [['completedLength', 'totalLength']],
        }),
      })
      return ((await response.json()) as { result: Download[] }).result
    }
    try {
      await aria2c.until(
        'listening',
        async () => (await isListening(job.controlPort)) && isListening(job.port),
      )
    } catch (error) {
      await aria2c.stop()
      throw error
    }
    return {
      isComplete: async () => {
        const [download] = await active()
        if (download === undefined) throw new Error(`aria2 has dropped its download: ${aria2c.output}`)
        return Number(download.totalLength) > 0 && download.completedLength === download.totalLength
      },
      stop: () => aria2c.stop(),
    }
  },
}
