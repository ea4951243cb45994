/** How far apart two nodes are: drawn from the pair, not from the order of calls, so that one more node moves nobody. */
import type { Millis } from '../../../protocol/ports.ts'

export interface LatencyModel {
  /** Round trips of all pairs are log-normal. */
  readonly medianRttMs: number
  readonly sigma: number
}

/** The round trip between `a` and `b`, the same both ways. */
export function pairRtt(seed: number, a: number, b: number, { medianRttMs, sigma }: LatencyModel): Millis {
  const low = Math.min(a, b)
  const high = Math.max(a, b)
  const first = mix(seed ^ Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77))
  const second = mix(first ^ 0xc2b2ae3d)
  // Box and Muller: two uniform numbers make a normal one.
  const normal = Math.sqrt(-2 * Math.log((first + 1) / 2 ** 32)) * Math.cos((2 * Math.PI * second) / 2 ** 32)
  return medianRttMs * Math.exp(sigma * normal)
}

/** The `n`th number of a stream of chance, in `[0, 1)`: without a state, a hundred thousand streams cost nothing. */
export function draw(seed: number, stream: number, n: number): number {
  return mix(mix(seed ^ Math.imul(stream, 0x9e3779b1)) ^ Math.imul(n, 0x85ebca77)) / 2 ** 32
}

/** Spreads 32 bits over 32 bits. */
function mix(value: number): number {
  let z = value | 0
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return (z ^ (z >>> 16)) >>> 0
}
