/** Where the bytes of an accepted connection go. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { readingInto } from '../../../src/app/node/accepted-socket.ts'

test('what an accepted connection reads lies in the buffer that it was given, and it answers', async () => {
  const buffer = new Uint8Array(16)
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const chunks: { readonly text: string; readonly isOurs: boolean }[] = []
  server.on('connection', (accepted) => {
    const socket = readingInto(accepted, {
      buffer,
      callback: (length, bytes) => {
        chunks.push({ text: Buffer.from(bytes.subarray(0, length)).toString(), isOurs: bytes === buffer })
        return socket.write('!')
      },
    })
  })
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  try {
    for (const text of ['here', 'again']) {
      client.write(text)
      await once(client, 'data')
    }
    expect(chunks).toEqual([
      { text: 'here', isOurs: true },
      { text: 'again', isOurs: true },
    ])
  } finally {
    client.destroy()
    server.close()
  }
})

test('a socket without a handle of its own is read by its events', async () => {
  const pipe = new PassThrough().pause()
  let text = ''
  readingInto(pipe as unknown as Socket, {
    buffer: new Uint8Array(16),
    callback: (length, bytes) => {
      text += Buffer.from(bytes.subarray(0, length)).toString()
      return true
    },
  })
  pipe.end('longer than the buffer that nobody asked for')
  await once(pipe, 'end')
  expect(text).toBe('longer than the buffer that nobody asked for')
})
