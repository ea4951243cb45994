import {
  decodeMetadataMessage,
  encodeMetadataData,
  encodeMetadataReject,
  encodeMetadataRequest,
  METADATA_BLOCK_LENGTH,
} from '../../../src/protocol/metadata-message.ts'
import { accepted, claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'
import { spoilBencode } from '../grammar/bencode-tree.ts'

export const target: FuzzTarget = {
  sources: ['protocol/metadata-message.ts'],
  words: ['msg_type', 'total_size', 'i0e', 'i1e', 'i2e', 'i3e'],
  spoil: spoilBencode,

  seeds: () => [
    encodeMetadataRequest(0),
    encodeMetadataReject(3),
    encodeMetadataData(0, new TextEncoder().encode('d4:name1:ae')),
    encodeMetadataData(1, new Uint8Array(METADATA_BLOCK_LENGTH + 5)),
    new TextEncoder().encode('d8:msg_typei7ee'),
  ],

  run(data) {
    const read = accepted(() => decodeMetadataMessage(data), ['bencode.malformed', 'wire.malformed'])
    if (read === undefined) return
    claim(Number.isSafeInteger(read.block) && read.block >= 0, 'blocks count from 0')
    switch (read.type) {
      case 'request':
        claimSame(decodeMetadataMessage(encodeMetadataRequest(read.block)), read, 'written, read')
        break
      case 'reject':
        claimSame(decodeMetadataMessage(encodeMetadataReject(read.block)), read, 'written, read')
        break
      case 'data': {
        claim(read.bytes.buffer === data.buffer && read.bytes.length < data.length, 'a view on the message')
        const written = decodeMetadataMessage(encodeMetadataData(0, read.bytes))
        claimSame(
          written,
          { type: 'data', block: 0, bytes: read.bytes.subarray(0, METADATA_BLOCK_LENGTH) },
          'written, read',
        )
      }
    }
  },
}
