import { decodeMessage, encodedLength, encodeMessage } from '../../../src/dht/wire/codec.ts'
import { DROP_REASONS } from '../../../src/dht/wire/drops.ts'
import { MESSAGE_SCHEMAS } from '../../../src/dht/wire/message-schemas.ts'
import { PROTOCOL_VERSION } from '../../../src/dht/wire/messages.ts'
import { claim, claimSame } from '../claims.ts'
import { DHT_WORDS, knownDatagrams } from '../dht-datagrams.ts'
import type { FuzzTarget } from '../engine/target.ts'
import { spoilJson } from '../grammar/json-tree.ts'

export const target: FuzzTarget = {
  sources: [
    'dht/wire/flat-object.ts',
    'dht/wire/field-reader.ts',
    'dht/wire/plain-ping.ts',
    'dht/wire/write-message.ts',
  ],
  maxLength: 1_500,
  words: DHT_WORDS,
  spoil: spoilJson,
  seeds: knownDatagrams,

  run(data) {
    const read = decodeMessage(data)
    if (typeof read === 'string') {
      claim(Object.hasOwn(DROP_REASONS, read), 'a reason that is documented')
      if (read === 'field' || read === 'blob' || read === 'type')
        claim(!isMessage(data), 'the schema refuses it, too')
      return
    }
    claim(isMessage(data), 'the schema takes it, too')
    const written = encodeMessage(read)
    claim(written.length === encodedLength(read), 'its length is known before it is written')
    claimSame(decodeMessage(new TextEncoder().encode(written)), read, 'written, read')
    claim(decodeMessage(data, 'other') === 'net', 'another network')
    const inside = encodeMessage(read, 'lab-1')
    claimSame(decodeMessage(new TextEncoder().encode(inside), 'lab-1'), read, 'in a network with an id')
  },
}

/** By the definition. Its text is JSON and safe, or it would have been refused before. */
function isMessage(data: Uint8Array): boolean {
  const { v, net, type, ...fields } = JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown>
  if (v !== PROTOCOL_VERSION || net !== undefined || !Object.hasOwn(MESSAGE_SCHEMAS, String(type)))
    return false
  return MESSAGE_SCHEMAS[type as keyof typeof MESSAGE_SCHEMAS].safeParse({ type, ...fields }).success
}
