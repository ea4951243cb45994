/** The rows of the DHT in the table of events, `events.ts`. */
import * as z from 'zod'
import {
  bytes,
  count,
  direction,
  endpoint,
  family,
  infoHash,
  millis,
  port,
  seconds,
  text,
} from './event-fields.ts'
import { event } from './event-row.ts'

export const DHT_EVENTS = [
  event(
    'dht_address',
    'others agree on the address at which they see us: a host, and a port unless each sees a different one',
    {
      family,
      address: text,
      id: infoHash,
    },
  ),
  event('dht_bootstrap', 'the DHT node found its neighbourhood', {
    family,
    contacts: count,
    rpcs: count,
    ms: millis,
  }),
  event(
    'dht_bootstrap_failed',
    'no bootstrap address answered, or the name of one has no address, for the `tries`th time in a row: reported the first time and then ever more rarely, eventually once an hour; `dht_bootstrap` says that it is over',
    { family, asked: count, reason: text, tries: count, retrySeconds: seconds },
  ),
  event('dht_role', 'the DHT node now takes full part in the network of the Internet, or no longer does', {
    family,
    role: z.enum(['full', 'read-only']),
    reason: text,
  }),
  event(
    'dht_offline',
    'nobody answers any more: the network is gone, and no contact loses its place because of it',
    {
      family,
      contacts: count,
    },
  ),
  event(
    'dht_recovered',
    'an outage or sleep of `seconds` is over, or a part of the network that was cut off is back: `answered` of the first `asked` responded',
    {
      family,
      after: z.enum(['outage', 'sleep', 'split']),
      seconds,
      asked: count,
      answered: count,
    },
  ),
  event(
    'dht_table_loaded',
    'the contacts of the last run were asked, nearest first, until enough had answered for lookups to work',
    { family, contacts: count, asked: count, answered: count, ageSeconds: seconds, ms: millis },
  ),
  event('dht_table_saved', 'the routing table was saved for the next run', {
    family,
    contacts: count,
    seeds: count,
    bytes,
  }),
  event(
    'dht_table_failed',
    'the saved table cannot be opened or is damaged, and the node starts afresh; or it cannot be saved',
    { family, operation: z.enum(['load', 'save', 'open']), reason: text },
  ),
  event(
    'dht_lookup',
    'a lookup of ours ended; the nearest node that answered was `hops` referrals away; `isInDoubt` if the nodes found looked arranged, and many others were asked, too',
    {
      family,
      infoHash,
      peers: count,
      hops: count,
      rpcs: count,
      ms: millis,
      isInDoubt: z.boolean(),
    },
  ),
  event('dht_announced', 'a round of announcing ended; `stored` nodes confirmed it', {
    family,
    infoHash,
    port,
    stored: count,
    hops: count,
    rpcs: count,
    ms: millis,
    isInDoubt: z.boolean(),
    nextSeconds: seconds,
  }),
  event('dht_ping', 'one datagram', { node: endpoint, direction }),
  event('dht_pong', 'one datagram: the answer to a ping or an announce', {
    node: endpoint,
    direction,
    rttMs: millis.exactOptional(),
    error: count.exactOptional(),
  }),
  event('dht_announce', 'one datagram', { node: endpoint, direction, infoHash }),
  event(
    'dht_findPeers',
    'one datagram: the request for the nodes nearest to `target`, or for the peers of `infoHash`',
    {
      node: endpoint,
      direction,
      infoHash: infoHash.exactOptional(),
      target: infoHash.exactOptional(),
    },
  ),
  event('dht_peers', 'one datagram: the answer to `findPeers`', {
    node: endpoint,
    direction,
    nodes: count,
    peers: count,
    rttMs: millis.exactOptional(),
    error: count.exactOptional(),
  }),
  event(
    'dht_clock',
    'in a network with a key: `node` does not accept our datagrams, because its clock is so far ahead of ours (behind, if negative)',
    {
      node: endpoint,
      aheadSeconds: z.int(),
    },
  ),
  event('dht_timeout', 'a request got no answer', {
    node: endpoint,
    message: text,
    waitedMs: millis,
  }),
  event('dht_contact', 'a contact entered or left the routing table, which holds `contacts` now', {
    node: endpoint,
    change: z.enum(['added', 'removed']),
    reason: text,
    contacts: count,
  }),
] as const
