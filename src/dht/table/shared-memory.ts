/** Memory shared by the nodes of one process, which would otherwise need many small arrays. */
import type { ContactBook } from './contact.ts'
import { BucketMemory } from './bucket-memory.ts'
import { RttSamples } from './rtt-window.ts'

export class SharedMemory {
  readonly buckets: BucketMemory
  readonly rtts = new RttSamples()

  constructor(book: ContactBook) {
    this.buckets = new BucketMemory(book)
  }
}
