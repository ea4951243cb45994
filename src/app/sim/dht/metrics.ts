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
  /** Lookups behind that figure. */
  successOf: { label: 'of', unit: 'lookups' },
  /** Of them, those that went on because the end looked as if somebody had arranged it, of each hundred. */
  doubted: { label: 'in doubt', unit: '%' },
  /** Sent and received by who looks up, its share in the work of others included. */
  bytesMean: { label: 'bytes', unit: 'B' },
  /** Walks for storing, which wait for the nearest to answer. */
  carefulRpcsMean: { label: 'careful RPCs', unit: '' },
  carefulCompleteP50: { label: 'careful complete p50', unit: 'ms' },
  carefulCompleteP99: { label: 'p99', unit: 'ms' },
  /** True nearest eight that a careful walk found, of each hundred. */
  recall: { label: 'recall@8', unit: '%' },
  /** Of the true nearest eight, those that took an announce. */
  storersMean: { label: 'storers of 8', unit: '' },
  /** Announces that four of them or more took, of each hundred. */
  storedEnough: { label: '4 of 8 stored', unit: '%' },
  contactsMean: { label: 'contacts', unit: '' },
  /** Background requests that a node sends: joins, refresh, walks to its own id and announces. */
  requestsPerSecond: { label: 'requests out', unit: '/s' },
  upMean: { label: 'bytes up', unit: 'B/s' },
  upP99: { label: 'p99', unit: 'B/s' },
  downMean: { label: 'bytes down', unit: 'B/s' },
  downP99: { label: 'p99', unit: 'B/s' },
  deadInReplies: { label: 'dead in replies', unit: '%' },
  deadInTables: { label: 'dead in tables', unit: '%' },
  joinsPerSecond: { label: 'joins', unit: '/s' },
  /** From the start of a node until it is ready. */
  readyP50: { label: 'ready p50', unit: 'ms' },
  readyP99: { label: 'p99', unit: 'ms' },
  /** Nodes that became ready, of each hundred. */
  readyPercent: { label: 'ready', unit: '%' },
  /** From the first of a crowd to its last that is ready. */
  crowdSeconds: { label: 'all ready after', unit: 's' },
  /** That the seeds got from all others, for each that joined. */
  seedRequests: { label: 'requests to seeds', unit: '' },
  successApart: { label: 'success apart', unit: '%' },
  /** From the healing of a partition until nearly all find what the other half announced. */
  healSeconds: { label: 'healed after', unit: 's' },
  /** What the machine had to do; all above is the same on every machine. */
  messagesPerSecond: { label: 'speed', unit: 'messages/s' },
  /** Virtual time by that of the machine. */
  timesRealTime: { label: 'times real time', unit: '' },
  /** Memory of the process for each node. */
  kibPerNode: { label: 'memory a node', unit: 'KiB' },
} as const

export type MetricName = keyof typeof METRICS

export type Metrics = Readonly<Partial<Record<MetricName, number>>>
