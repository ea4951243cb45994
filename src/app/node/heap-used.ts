/** Memory in use by objects. */
import { getHeapStatistics } from 'node:v8'

/** Bytes. `process.memoryUsage()` would ask the system for more than that, which it does not say without a free descriptor. */
export function heapUsed(): number {
  return getHeapStatistics().used_heap_size
}
