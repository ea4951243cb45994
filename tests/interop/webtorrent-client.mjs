/** One torrent in one WebTorrent client. Prints `listening`, then `complete` once every piece is there. */
import { readFileSync } from 'node:fs'
import WebTorrent from 'webtorrent'

const job = JSON.parse(process.argv[2])
const client = new WebTorrent({
  torrentPort: job.port,
  dht: false,
  lsd: job.hasLan,
  utPex: job.hasPex,
  utp: false,
  natUpnp: false,
  natPmp: false,
  // Whom it dials it greets encrypted, without another try in plain; bitswarm speaks plain.
  secure: 0,
})
const fail = (error) => {
  console.log(error.message)
  process.exit(1)
}
client.on('error', fail)
const source = job.source.startsWith('magnet:') ? job.source : new Uint8Array(readFileSync(job.source))
const torrent = client.add(source, { path: job.folder })
torrent.on('error', fail)
torrent.on('warning', (warning) => console.log(warning.message ?? warning))
client.on('listening', () => console.log('listening'))
torrent.on('infoHash', () => {
  for (const peer of job.peers) torrent.addPeer(peer)
})
torrent.on('done', () => console.log('complete'))
