/** Targets by which to ask for nodes of one bucket. */
import { ID_LENGTH, type NodeId } from '../../protocol/ids.ts'
import type { Random } from '../../protocol/ports.ts'

/** Whose buckets they are. */
export interface BucketOwner {
  readonly ownId: NodeId
  readonly random: Random
  readonly table: { readonly depth: number }
}

/** A random id that shares exactly `bucket` leading bits with ours; of the last bucket, at least so many. */
export function targetIn(bucket: number, { ownId, random, table }: BucketOwner): NodeId {
  const id = random.fill(new Uint8Array(ID_LENGTH)) as NodeId
  for (let bit = 0; bit < bucket; bit++) copyBit(ownId, id, bit)
  if (bucket < table.depth - 1) {
    copyBit(ownId, id, bucket)
    id[bucket >>> 3]! ^= 0x80 >>> (bucket & 7)
  }
  return id
}

function copyBit(from: Uint8Array, to: Uint8Array, bit: number): void {
  const mask = 0x80 >>> (bit & 7)
  to[bit >>> 3] = (to[bit >>> 3]! & ~mask) | (from[bit >>> 3]! & mask)
}
