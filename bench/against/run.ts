/** One whole run: who takes part, which scenarios, and the report. */
import { loadavg } from 'node:os'
import { compare, findingsOf, type Pace, type Running } from './compare.ts'
import type { Contender } from './contender.ts'
import { Field } from './field.ts'
import { haproxy } from './haproxy.ts'
import { landline } from './landline.ts'
import { machineInWords, type Places, placesOf } from './machine.ts'
import { hasOwnNetwork } from './network.ts'
import { decision, flat, memory, workers } from './own.ts'
import { httpProxy, proxyChain, tinyproxy } from './peers.ts'
import type { Finding, Line, Report } from './report.ts'
import { OTHERS, RATES } from './scenarios.ts'
import { squid } from './squid.ts'
import { trafficServer } from './traffic-server.ts'

/** All that may be beside Landline, by the name that `--peers` takes. */
export const PEERS: Readonly<Record<string, () => Contender>> = {
  squid,
  haproxy,
  'traffic-server': trafficServer,
  tinyproxy,
  'http-proxy': httpProxy,
  'proxy-chain': proxyChain,
}

export interface RunOptions extends Pace {
  /** Of `SCENARIOS`. */
  readonly scenarios: readonly string[]
  /** Of `PEERS`. */
  readonly peers: readonly string[]
  readonly date: string
  /** Where Landline's profile is to go; null: none is wanted. It slows Landline. */
  readonly profile: string | null
}

export async function run(options: RunOptions): Promise<Report> {
  const places = placesOf()
  const [loadAverage = 0] = loadavg()
  const all = options.peers.flatMap((name) => PEERS[name]?.() ?? [])
  const contenders = [landline({ profile: options.profile }), ...all.filter(({ version }) => version !== null)]
  const left = all.flatMap(({ name, version, remedy }) =>
    version === null ? [`${name} is not installed (${remedy}): left out`] : [],
  )
  for (const line of left) options.say(line)
  const field = await Field.open(places)
  // Ends what is being waited for, too: the run rejects.
  const interrupted = () => void field.close()
  process.once('SIGINT', interrupted)
  try {
    const found = await measure(field, contenders, places, options)
    return {
      date: options.date,
      machine: machineInWords(),
      loadAverage,
      places: placesInWords(places),
      hosts: hasOwnNetwork()
        ? 'names, resolved by a name server of the benchmark'
        : 'addresses of the loopback network',
      rounds: options.rounds,
      seconds: options.seconds,
      contenders: contenders.map(({ name, version, set }) => ({ name, version: version ?? '', set })),
      ...found,
      left: [...left, ...found.left],
    }
  } finally {
    process.off('SIGINT', interrupted)
    await field.close()
  }
}

type Found = Pick<Report, 'lines' | 'findings' | 'left'>

async function measure(
  field: Field,
  contenders: readonly Contender[],
  places: Places,
  options: RunOptions,
): Promise<Found> {
  const lines: Line[] = []
  const findings: Finding[] = []
  const left: string[] = []
  const rates = RATES.filter(({ id }) => options.scenarios.includes(id))
  if (rates.length > 0) {
    const running = await startAll(field, contenders, left)
    for (const rate of rates) {
      const line = await compare(field, rate, running, options)
      lines.push(line)
      findings.push(...findingsOf(line, rate.aims))
    }
    for (const { started } of running) await field.stop(started)
  }
  const others: Readonly<Record<keyof typeof OTHERS, () => Promise<readonly Finding[]> | readonly Finding[]>> = {
    memory: () => memory(field, contenders, options),
    flat: () => flat(field, places, options),
    decision: () => decision(places),
    workers: () => workers(field, places, options),
  }
  for (const [id, work] of Object.entries(others).filter(([id]) => options.scenarios.includes(id))) {
    try {
      findings.push(...(await work()))
    } catch (error) {
      left.push(`${OTHERS[id as keyof typeof OTHERS].title}: left out. ${firstWords(error)}`) // a key of `others`
    }
  }
  return { lines, findings, left }
}

/** A peer that does not start is left out, and said to be; without Landline there is nothing to compare. */
async function startAll(field: Field, contenders: readonly Contender[], left: string[]): Promise<readonly Running[]> {
  const running: Running[] = []
  for (const contender of contenders) {
    try {
      running.push({ contender, started: await field.start(contender) })
    } catch (error) {
      if (running.length === 0) throw error
      left.push(`${contender.name} did not start: left out. ${firstWords(error)}`)
    }
  }
  return running
}

function placesInWords({ proxy, load }: Places): string {
  if (proxy === null) return 'bound to no processor'
  return `each proxy on processor ${proxy}, load and origin on ${load}`
}

function firstWords(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n').slice(0, 3).join(' ').slice(0, 300)
}
