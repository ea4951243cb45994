/** Accepted sockets that read into one buffer of ours, as those that we connect do. */
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net'
import { plain } from './plain-bytes.ts'

/** What the system's socket is to Node: `listen` takes it under this name, and a process gives it to another one. */
interface WithHandle {
  _handle?: object | null
}

/**
 * Node offers `onread` to sockets that connect only; for an accepted one it makes 64 KiB anew for each read, and V8 clears
 * its whole heap whenever some 64 MiB of them have come together. In a swarm half of the connections are accepted, so the
 * handle moves into a socket with `onread`. Where a socket has none, all goes on by `'data'`, at that price.
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
