/** Servers that answer as badly as the scene wants. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

/** What a server does with whoever has asked: the bytes of the question are there. */
export type Treatment = (socket: Socket, question: string) => void

/** A TCP server that speaks no HTTP by itself. */
export class HostileServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  asked = 0

  static async open(treat: Treatment): Promise<HostileServer> {
    const server = new HostileServer(treat)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  private constructor(treat: Treatment) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('data', (question) => {
        this.asked++
        treat(socket, question.toString('latin1'))
      })
    })
  }

  get url(): string {
    const { port } = this.#server.address() as { port: number }
    return `http://127.0.0.1:${port}`
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** Writes `chunk` again and again, as fast as it is taken. */
export function forever(socket: Socket, chunk: Uint8Array | string): void {
  const pour = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', pour)
  pour()
}

/** One byte of `text` a second. */
export function drip(socket: Socket, text: string): void {
  let at = 0
  const timer = setInterval(() => socket.write(text[at++ % text.length]!), 1_000)
  socket.on('close', () => clearInterval(timer))
}

export class HostileUdp {
  readonly #socket: UdpSocket = createSocket('udp4')

  static async open(answer: (question: Buffer) => readonly Buffer[]): Promise<HostileUdp> {
    const server = new HostileUdp()
    server.#socket.bind(0, '127.0.0.1')
    await once(server.#socket, 'listening')
    server.#socket.on('message', (question: Buffer, { address, port }: RemoteInfo) => {
      for (const reply of answer(question)) server.#socket.send(reply, port, address, () => {})
    })
    return server
  }

  get url(): string {
    return `udp://127.0.0.1:${this.#socket.address().port}`
  }

  close(): void {
    this.#socket.close()
  }
}
