/** @param share 0.5 is the median. @returns the value below which this share of all values lies; NaN when there are none */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN
}
