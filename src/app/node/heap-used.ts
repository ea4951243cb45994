/** Memory in use by objects. */
import { getHeapStatistics } from 'node:v8'

/** Bytes. `process.memoryUsage()` also asks the system, which fails without a free descriptor. */
export function heapUsed(): number {
  return getHeapStatistics().used_heap_size
}
