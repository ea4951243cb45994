/** What people see of a simulated run. */
import { METRICS, type MetricName } from '../src/app/sim/dht/metrics.ts'
import type { MeasuredRun } from '../src/app/sim/dht/run-scenario.ts'
import { scenarioName } from '../src/app/sim/dht/scenario.ts'

export function runTable(run: MeasuredRun): string {
  const { scenario, seed, metrics, messages, wallSeconds, rssBytes, trace } = run
  const rows = (Object.keys(METRICS) as MetricName[])
    .filter((name) => metrics[name] !== undefined)
    .map((name) => row(METRICS[name].label, `${Number(metrics[name]!.toPrecision(4))} ${METRICS[name].unit}`))
  return [
    `${scenarioName(scenario)}, seed ${seed}`,
    ...rows,
    row('messages', String(messages)),
    row('wall', `${wallSeconds.toFixed(1)} s`),
    row('memory', `${Math.round(rssBytes / 2 ** 20)} MiB`),
    row('trace', trace),
    '',
    '',
  ].join('\n')
}

function row(label: string, value: string): string {
  return `  ${label.padEnd(22)}${value.trimEnd()}`
}
