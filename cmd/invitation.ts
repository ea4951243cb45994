/** What to type on another machine. */
import type { Config } from '../src/app/config.ts'

/** The payload that this process serves. */
export function inviteToPayload(link: string): readonly string[] {
  return ['on another machine:', `  bitswarm -get '${link}'`]
}

/** @param addresses where others reach this DHT node */
export function inviteToDht(
  addresses: readonly string[],
  { dhtNet, swarmKey }: Pick<Config, 'dhtNet' | 'swarmKey'>,
): readonly string[] {
  if (addresses.length === 0) return []
  const flags = [
    `-bootstrap '${addresses.join(',')}'`, // zsh takes the brackets of IPv6 for a pattern
    ...(dhtNet === undefined ? [] : [`-dht-net ${dhtNet}`]),
    ...(swarmKey === undefined ? [] : ['-swarm-key <a copy of the key file>']),
  ]
  return ['others join through this node with:', `  ${flags.join(' ')}`]
}
