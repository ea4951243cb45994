import {
  decodeExtensionHandshake,
  encodeExtensionHandshake,
  RemoteExtensions,
} from '../../../src/protocol/extension.ts'
import { accepted, claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'
import { spoilBencode } from '../grammar/bencode-tree.ts'

/** As in the module: what a remote may make us remember. */
const MAX_EXTENSIONS = 64
const MAX_CLIENT_LENGTH = 64

export const target: FuzzTarget = {
  sources: ['protocol/extension.ts', 'protocol/text.ts'],
  words: ['yourip', 'reqq', 'upload_only', 'metadata_size', 'bitswarm_dht', 'bitswarm_block'],
  spoil: spoilBencode,

  seeds: () => {
    const ids = new Map([
      ['ut_pex', 1],
      ['ut_metadata', 2],
      ['lt_donthave', 0],
    ])
    const many = new Map(Array.from({ length: 70 }, (_, id) => [`x${id}`, id]))
    return [
      { ids },
      { ids: many },
      {
        ids,
        client: 'bitswarm 0.1 \u{1f41d}',
        port: 6_881,
        requestQueue: 250,
        yourIp: '192.0.2.1',
        isUploadOnly: true,
        metadataSize: 31_337,
        dhtPort: 4_444,
        longestBlock: 131_072,
      },
      { ids: new Map(), yourIp: '2001:db8::1' },
    ].map(encodeExtensionHandshake)
  },

  run(data) {
    const read = accepted(() => decodeExtensionHandshake(data), ['bencode.malformed'])
    if (read === undefined) return
    // Nobody writes that he wants something: it goes without saying.
    const said = { ...read, isUploadOnly: read.isUploadOnly === true ? true : undefined }
    claimSame(decodeExtensionHandshake(encodeExtensionHandshake(said)), said, 'written, read')
    const { client = '', ids } = read
    claim(
      client.length <= 2 * MAX_CLIENT_LENGTH && [...client].length <= MAX_CLIENT_LENGTH,
      'a name is short',
    )
    claim(!/[\p{Cc}\u2028\u2029\u202a-\u202e]/u.test(client) && client.isWellFormed(), 'a name is harmless')
    claim(ids.size <= MAX_EXTENSIONS, 'extensions are few')
    claimRemembered(data)
  },
}

/** The same again, and with other names, adds no more than there may be. */
function claimRemembered(data: Uint8Array): void {
  const remote = new RemoteExtensions()
  remote.onHandshake(
    encodeExtensionHandshake({ ids: new Map(Array.from({ length: 60 }, (_, id) => [`k${id}`, 7])) }),
  )
  remote.onHandshake(data)
  const once = remote.fields
  remote.onHandshake(data)
  claimSame(remote.fields, once, 'said twice is said once')
  const { ids } = decodeExtensionHandshake(data)
  const names = new Set([...ids.keys(), ...Array.from({ length: 60 }, (_, id) => `k${id}`)])
  claim([...names].filter((name) => remote.has(name)).length <= MAX_EXTENSIONS, 'extensions stay few')
  for (const [name, id] of ids) if (id === 0) claim(!remote.has(name), 'switched off')
}
