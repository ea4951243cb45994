/** Shrinks a plan of faults by leaving out what is not needed for the promise to be broken. */
import type { PlannedFault } from './plan.ts'

/**
 * Leaves out half, a quarter, … and finally single faults, as long as it still fails.
 *
 * @param fails whether the run breaks the same promise under these faults
 */
export async function shrinkPlan(
  faults: readonly PlannedFault[],
  fails: (faults: readonly PlannedFault[]) => Promise<boolean>,
): Promise<readonly PlannedFault[]> {
  let smallest = faults
  let length = Math.ceil(smallest.length / 2)
  while (length > 0) {
    let isSmaller = false
    for (let begin = 0; begin < smallest.length;) {
      const fewer = smallest.toSpliced(begin, length)
      if (await fails(fewer)) {
        smallest = fewer
        isSmaller = true
      } else begin += length
    }
    // A fault that was needed together with another may not be needed without it.
    if (length > 1 || !isSmaller) length = Math.floor(length / 2)
  }
  return smallest
}
