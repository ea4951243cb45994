/** `node node-tracker-server.mjs <port> <IPv4 address> <IPv6 address>`: prints `listening` once it answers on both. */
import Server from 'bittorrent-tracker/server'

const [port, v4, v6] = process.argv.slice(2)

/** A server has one HTTP socket, so there are two servers; the first answers UDP of both families. */
const start = (hosts, udp) =>
  new Promise((resolve) => {
    const server = new Server({ http: true, udp, ws: false, stats: false })
    server.on('error', (error) => {
      console.log(error.message)
      process.exit(1)
    })
    server.on('warning', (warning) => console.log(warning.message))
    for (const event of ['start', 'complete', 'update', 'stop'])
      server.on(event, (peer, params) => console.log(event, params.type, params.addr ?? peer))
    server.listen(Number(port), hosts, resolve)
  })

await start({ http: v4, udp: v4, udp6: v6 }, true)
await start({ http: v6 }, false)
console.log('listening')
