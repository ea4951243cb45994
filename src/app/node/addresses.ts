/** The addresses of this machine. */
import { networkInterfaces } from 'node:os'
import { canonicalIp } from '../../protocol/endpoint.ts'

/** Of every interface that is up, in the system's order. */
export function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .map(({ address }) => canonicalIp(address))
    .filter((address) => address !== undefined)
}
