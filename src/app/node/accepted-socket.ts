/** Makes accepted sockets read into one buffer of ours, as dialled ones do. */
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net'
import { plain } from './plain-bytes.ts'

/** Node's handle of the system's socket: `listen` accepts it under this name, and processes pass it to each other. */
interface WithHandle {
  _handle?: object | null
}

/**
 * Node offers `onread` only to sockets that connect. For an accepted one it allocates 64 KiB for each read, and V8 collects its
 * whole heap whenever some 64 MiB of them have accumulated. In a swarm, half of the connections are accepted, so their handle
 * is moved into a socket with `onread`. Where a socket has no handle, it continues with `'data'`, at that price.
 *
 * @param accepted by a server with `pauseOnConnect`: nothing of it has been read. It counts as the server's connection
 *   until the returned one closes, and is of no other use.
 */
export function readingInto(accepted: Socket, onread: OnReadOpts): Socket {
  const { _handle: handle } = accepted as WithHandle
  if (handle === undefined || handle === null) {
    accepted.on('data', (chunk: Buffer) => onread.callback(chunk.length, plain(chunk)))
    return accepted.resume()
  }
  Object.assign(accepted, { _handle: null } satisfies WithHandle)
  const socket = new Socket({ handle, onread, allowHalfOpen: false } as SocketConstructorOpts)
  return socket.once('close', () => accepted.destroy())
}
