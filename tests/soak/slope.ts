/** How fast something grows, and how sure that is. */

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Slope {
  /** Of the straight line that is nearest to all points, per unit of x. */
  readonly perX: number
  /** Standard error of the slope; infinite for fewer than three points. */
  readonly error: number
}

/**
 * Least squares. Memory that is high now is high a moment later, too: neighbouring residuals resemble each other, which
 * makes points count for less than they seem. The error is widened by what their correlation says.
 */
export function slopeOf(points: readonly Point[]): Slope {
  const count = points.length
  const x = mean(points.map((point) => point.x))
  const y = mean(points.map((point) => point.y))
  const spread = sum(points.map((point) => (point.x - x) ** 2))
  if (count < 3 || spread === 0) return { perX: 0, error: Number.POSITIVE_INFINITY }
  const perX = sum(points.map((point) => (point.x - x) * (point.y - y))) / spread
  const residuals = points.map((point) => point.y - y - perX * (point.x - x))
  const variance = sum(residuals.map((each) => each ** 2)) / (count - 2)
  return { perX, error: Math.sqrt((variance / spread) * inflation(residuals)) }
}

/** By how much less the points tell than independent ones: (1 + r) / (1 − r) for a correlation r of neighbours. */
function inflation(residuals: readonly number[]): number {
  const total = sum(residuals.map((each) => each ** 2))
  if (total === 0) return 1
  const shared = sum(residuals.slice(1).map((each, index) => each * residuals[index]!))
  const correlation = Math.min(0.9, Math.max(0, shared / total))
  return (1 + correlation) / (1 - correlation)
}

function mean(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : sum(numbers) / numbers.length
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
