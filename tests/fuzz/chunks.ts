/** A stream's bytes as they may come: in pieces that nobody chose. */
import { SeededRandom } from '../../src/app/sim/random.ts'

/** Most are a few bytes long, some empty, some long. */
export function* chunksOf(data: Uint8Array, seed: number): Generator<Uint8Array, void> {
  const random = new SeededRandom(seed)
  for (let at = 0; at < data.length;) {
    const length = random.int(random.int(8) === 0 ? data.length : 8)
    // A copy, as the network's buffer is used again.
    const chunk = new Uint8Array(data.subarray(at, at + length))
    yield chunk
    chunk.fill(0xff)
    at += length
  }
}
