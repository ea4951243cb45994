/** Everything that a simulation measures, by the name it has in `--json`, and how people read it. */
export const METRICS = {
  hopsMean: { label: 'hops', unit: '' },
  hopsP99: { label: 'hops p99', unit: '' },
  rpcsMean: { label: 'RPCs', unit: '' },
  rpcsP99: { label: 'RPCs p99', unit: '' },
  firstPeersP50: { label: 'first peers p50', unit: 'ms' },
  firstPeersP95: { label: 'p95', unit: 'ms' },
  firstPeersP99: { label: 'p99', unit: 'ms' },
  completeP50: { label: 'complete p50', unit: 'ms' },
  completeP95: { label: 'p95', unit: 'ms' },
  completeP99: { label: 'p99', unit: 'ms' },
  /** Lookups that named a peer of the torrent, of each hundred. */
  success: { label: 'success', unit: '%' },
  bytesMean: { label: 'bytes', unit: 'B' },
  /** Walks for storing, which wait for the nearest to answer. */
  carefulRpcsMean: { label: 'careful RPCs', unit: '' },
  carefulCompleteP50: { label: 'careful complete p50', unit: 'ms' },
  carefulCompleteP99: { label: 'p99', unit: 'ms' },
  /** True nearest eight that a careful walk found, of each hundred. */
  recall: { label: 'recall@8', unit: '%' },
  contactsMean: { label: 'contacts', unit: '' },
} as const

export type MetricName = keyof typeof METRICS

export type Metrics = Readonly<Partial<Record<MetricName, number>>>
