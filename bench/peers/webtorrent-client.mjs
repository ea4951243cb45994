/** One torrent in one WebTorrent client: the protocol of driver.ts. */
import { readFileSync } from 'node:fs'
import net from 'node:net'
import WebTorrent from '../../tests/interop/node_modules/webtorrent/index.js'

const job = JSON.parse(process.argv[2])

// It has no setting for the address from which it dials.
const { connect } = net
net.connect = (options, ...rest) => connect({ localAddress: job.host, ...options }, ...rest)

const fail = (error) => {
  console.error(error)
  process.exit(1)
}
const client = new WebTorrent({
  torrentPort: job.port,
  dht: false,
  lsd: false,
  tracker: false,
  utPex: false,
  utp: false,
  natUpnp: false,
  natPmp: false,
  secure: 0,
  maxConns: 100,
  ...(job.uploadLimit !== undefined && { uploadLimit: job.uploadLimit }),
})
client.on('error', fail)
const torrent = client.add(new Uint8Array(readFileSync(job.torrent)), {
  path: job.folder,
  skipVerify: job.role === 'seed',
  uploads: 64,
})
torrent.on('error', fail)
torrent.on('infoHash', () => {
  for (const peer of job.peers) torrent.addPeer(peer)
})
if (job.role === 'seed')
  torrent.on('ready', () => {
    const serve = () => console.log('serving')
    if (client.listening) serve()
    else client.once('listening', serve)
  })
else torrent.on('done', () => console.log('complete'))
process.on('SIGUSR1', () => console.log(`uploaded ${torrent.uploaded}`))
