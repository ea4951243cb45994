/** `node relay.ts <socket file> <port>`: what is said into the socket file is said to the port on this host's loopback. */
import { connect, createServer } from 'node:net'

const [path, port] = process.argv.slice(2)
createServer((near) => {
  const far = connect(Number(port), '127.0.0.1')
  near.once('error', () => far.destroy())
  far.once('error', () => near.destroy())
  near.pipe(far).pipe(near)
}).listen(path)
