/** The requests that a node is measured with. */
import type { AnnounceMessage, FindPeersMessage, PeersMessage, Request } from '../../src/dht/wire/messages.ts'
import { decodeMessage, encodeMessage } from '../../src/dht/wire/codec.ts'
import { openUdp } from '../../src/app/node/udp.ts'
import { fromHex, type InfoHash, type NodeId } from '../../src/protocol/ids.ts'
import { TRANSACTION } from './load-process.ts'
import { framerOf, type Psk } from './member.ts'
import type { TargetAddress } from './target-process.ts'

export const KINDS = ['ping', 'find', 'find+peers', 'announce'] as const
export type Kind = (typeof KINDS)[number]

/** Hex id of the requester. */
export const ASKER = '5a'.repeat(20)
/** A source may announce 500 times at once and 50 times a second, so that many announces take many sources. */
export const ANNOUNCE_SOCKETS = 256

/** One for each socket of a loader that binds `127.<block>.<socket>.1`, complete but for the transaction id. */
export async function questionsOf(
  kind: Kind,
  { block, target, psk }: { readonly block: number; readonly target: TargetAddress; readonly psk: Psk },
): Promise<readonly string[]> {
  const id = fromHex(ASKER) as Uint8Array as NodeId
  const header = { t: 'abcdefgh', id } as const
  const hash = fromHex(target.id) as Uint8Array as InfoHash
  // Nobody has announced it, so that the answer has no peers; but it is near, so that there is a token.
  const other = hash.with(hash.length - 1, hash.at(-1)! ^ 1) as Uint8Array as InfoHash
  switch (kind) {
    case 'ping':
      return [ready({ type: 'ping', ...header })]
    case 'find':
      return [ready({ type: 'findPeers', ...header, infoHash: other })]
    case 'find+peers':
      return [ready({ type: 'findPeers', ...header, infoHash: hash, pad: 248 })]
    case 'announce':
      return Promise.all(
        Array.from({ length: ANNOUNCE_SOCKETS }, async (_, socket) => {
          const token = await tokenFor(
            `127.${block}.${socket}.1`,
            { target, psk },
            {
              type: 'findPeers',
              ...header,
              infoHash: other,
            },
          )
          const announce: AnnounceMessage = {
            type: 'announce',
            ...header,
            infoHash: other,
            token,
            port: 20_000,
          }
          return ready(announce)
        }),
      )
  }
}

function ready(request: Request): string {
  return encodeMessage(request).replace('abcdefgh', TRANSACTION)
}

/** Requested from that address, to which the token is bound. */
function tokenFor(
  host: string,
  { target, psk }: { readonly target: TargetAddress; readonly psk: Psk },
  question: FindPeersMessage,
): Promise<string> {
  const framer = framerOf(psk, question.id)
  const socket = openUdp(4, host)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no token within a second')), 1_000)
    socket.onDatagram = (data) => {
      clearTimeout(timer)
      socket.close()
      const opened = framer?.open(data)
      if (typeof opened === 'string') return reject(new Error(`an answer in a frame that says: ${opened}`))
      const { token } = decodeMessage(opened?.body ?? data) as PeersMessage
      if (token === undefined) reject(new Error('an answer without a token'))
      else resolve(token)
    }
    const open = new TextEncoder().encode(encodeMessage(question))
    const receiver = fromHex(target.id) as Uint8Array as NodeId
    socket.send(framer?.seal(open, receiver) ?? open, target.endpoint)
  })
}
