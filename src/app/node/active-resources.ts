/** Counts what keeps the event loop alive: constant in a node that does the same all day. */
export interface ActiveResources {
  /** Pending timers. */
  readonly timers: number
  /** Sockets, servers, threads, signals, and requests under way. */
  readonly handles: number
}

export function activeResources(): ActiveResources {
  const kinds = process.getActiveResourcesInfo()
  const timers = kinds.reduce((sum, kind) => (kind === 'Timeout' ? sum + 1 : sum), 0)
  return { timers, handles: kinds.length - timers }
}
