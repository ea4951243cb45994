import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { vi } from 'vitest'
import { SystemHttp } from '../../src/app/node/http.ts'
import { describeHttp } from './http.ts'

describeHttp('an exchange over sockets', () => {
  const http = new SystemHttp('test/1')
  const address = '127.0.0.1'
  const servers: Server[] = []
  const listen = async (server: Server): Promise<number> => {
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, address, resolve))
    return (server.address() as AddressInfo).port
  }
  return {
    http,
    address,
    serve: ({ status, body, breaksAfter }) =>
      listen(
        createServer((_request, response) => {
          response.writeHead(status, { 'content-length': body.length })
          if (breaksAfter === undefined) response.end(body)
          else response.write(body.subarray(0, breaksAfter), () => response.destroy())
        }),
      ),
    async deadPort() {
      const server = createServer()
      const port = await listen(server)
      await new Promise((resolve) => server.close(resolve))
      return port
    },
    async until(holds) {
      await vi.waitUntil(holds, { interval: 1, timeout: 10_000 })
    },
    // Loopback is done with everything that is under way long before.
    settle: () => sleep(50),
    end() {
      http.close()
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
    },
  }
})
