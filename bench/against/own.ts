/** What Landline is held to beside the comparison: memory, flatness as the rules grow, more workers, a decision alone. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { byTurns, type Pace, perCpuSecond, type Running } from './compare.ts'
import type { Contender } from './contender.ts'
import type { Field } from './field.ts'
import { landline } from './landline.ts'
import { boundTo, type Places, residentBytes } from './machine.ts'
import type { Finding } from './report.ts'
import { OTHERS, RATES } from './scenarios.ts'
import { middlesOfTwo, ratios, type Summary, summarise } from './statistics.ts'

/** What a process took for its start is given back within that time. */
const REST_MS = 40_000
/** Opened first, so that what a process needs once is there already, and what died meanwhile is given back before and after alike. */
const FIRST_TUNNELS = 1500
const TUNNELS = 3000
const LOOK_MS = 2000
/** It has settled when all of the last looks are as near as that. */
const SETTLED_BYTES = 512 * 1024
const SETTLED_LOOKS = 13
const MOST_LOOKS = 30
/** Loads. */
const FLAT = ['get100', 'connect', 'denyget']
const WORKERS = ['get100', 'connect']
/** Of ours: what a heap has not yet given back weighs more than some hundred tunnels, and is another each time. */
const MEMORY_STARTS = 4
/**
 * Even: the one that traffic reaches sooner after its start is ahead for good, by more than what is looked for. Each is that in one start of
 * two, and the middle of the two counts. Where a process happens to lie in memory makes some hundredths more, for as long as it runs.
 */
const STARTS = 8
const MANY = 100_000

/** KiB of resident memory for each of 3,000 more tunnels that are open and silent; each contender freshly started. */
export async function memory(
  field: Field,
  contenders: readonly Contender[],
  { say }: Pace,
): Promise<readonly Finding[]> {
  const measured = async (contender: Contender, times: number) => {
    say(`${OTHERS.memory.title}: ${contender.name}`)
    const all: number[] = []
    for (let time = 0; time < times; time++) all.push(...(await tunnelKibibytes(field, contender)))
    return all
  }
  const [ours, ...theirs] = contenders.filter(({ tunnels }) => tunnels)
  const own = ours === undefined ? [] : await measured(ours, MEMORY_STARTS)
  if (own.length === 0) return []
  const others: string[] = []
  for (const contender of theirs)
    for (const kibibytes of await measured(contender, 1)) others.push(`${contender.name} ${kibibytes.toFixed(1)} KiB`)
  const beside = others.length === 0 ? '' : `${others.join(', ')}, each once; `
  const remark = `${beside}ours of ${MEMORY_STARTS} starts: what died while they opened, and is given back when more happens, counts as theirs`
  return [finding('memory', '–', summarise(own), { unit: 'KiB', isBetter: 'smaller', remark })]
}

/** One figure; none where the contender took too few of them. */
async function tunnelKibibytes(field: Field, contender: Contender): Promise<readonly number[]> {
  const started = await field.start(contender)
  await wait(REST_MS)
  const hold = async (tunnels: number) => {
    const { count } = await field.run(started, { kind: 'hold', tunnels }, 0)
    return { count, bytes: await settledBytes(started.pid) }
  }
  const before = await hold(FIRST_TUNNELS)
  const after = await hold(TUNNELS)
  await field.run(started, { kind: 'release' }, 0)
  await field.stop(started)
  // Some take fewer at once: what it holds counts.
  return after.count > TUNNELS / 10 ? [(after.bytes - before.bytes) / 1024 / after.count] : []
}

/** Resident memory once it no longer moves, or after a minute. */
async function settledBytes(pid: number): Promise<number> {
  const seen: number[] = []
  for (let look = 0; look < MOST_LOOKS; look++) {
    await wait(LOOK_MS)
    seen.push(residentBytes(pid))
    const last = seen.slice(-SETTLED_LOOKS)
    if (last.length === SETTLED_LOOKS && Math.max(...last) - Math.min(...last) <= SETTLED_BYTES) break
  }
  return seen.at(-1) ?? 0
}

/** CPU for one request with that many prefixes and names, over that with none. A difference so small takes many short rounds. */
export async function flat(field: Field, places: Places, asked: Pace): Promise<readonly Finding[]> {
  const pace = { ...asked, rounds: asked.rounds * 3, seconds: Math.min(asked.seconds, 0.5) }
  const both = [landline({ entries: MANY }), landline({ entries: 0 })] as const
  const starts = startsOf(asked)
  const values = await againstItself(field, both, places.proxy, { scenario: 'flat', ids: FLAT, pace, starts })
  const remark = inWords(starts)
  return values.map(({ title, value }) => finding('flat', title, value, { unit: '', isBetter: 'smaller', remark }))
}

/** CPU for one request of two workers over that of one: on a machine with processors of their own for them, and on one without. */
export async function workers(field: Field, places: Places, pace: Pace): Promise<readonly Finding[]> {
  const both = [landline({ workers: 2 }), landline()] as const
  const starts = startsOf(pace)
  const values = await againstItself(field, both, places.workers, { scenario: 'workers', ids: WORKERS, pace, starts })
  const remark = `CPU for one request, of two workers over one; ${inWords(starts)}`
  return values.map(({ title, value }) => finding('workers', title, value, { unit: '', isBetter: 'smaller', remark }))
}

interface Against {
  readonly scenario: keyof typeof OTHERS
  /** Of the loads. */
  readonly ids: readonly string[]
  /** Its rounds are those of all starts together. */
  readonly pace: Pace
  readonly starts: number
}

/** CPU for one request of the first over that of the second, for each load. */
async function againstItself(
  field: Field,
  both: readonly [Contender, Contender],
  place: string | null,
  { scenario, ids, pace, starts }: Against,
): Promise<readonly { readonly title: string; readonly value: Summary }[]> {
  const rates = RATES.filter(({ id }) => ids.includes(id)).map((rate) => ({
    rate,
    ofStarts: [] as Summary[],
  }))
  for (let start = 0; start < starts; start++) {
    const isTurned = start % 2 === 1
    const running = await startBoth(field, isTurned ? both.toReversed() : both, place)
    for (const { rate, ofStarts } of rates) {
      const title = `${OTHERS[scenario].title}, start ${start + 1} of ${starts}: ${rate.title}`
      const found = await byTurns(field, { ...rate, title }, running, {
        ...pace,
        rounds: Math.ceil(pace.rounds / starts),
      })
      const [own = [], other = []] = isTurned ? found.toReversed() : found
      ofStarts.push(ratios(perCpuSecond(other), perCpuSecond(own)))
    }
    for (const { started } of running) await field.stop(started)
  }
  return rates.map(({ rate: { title }, ofStarts }) => ({ title, value: ofStartsTogether(ofStarts) }))
}

/** What of one start alone is known are its rounds. */
function ofStartsTogether(starts: readonly Summary[]): Summary {
  const [only] = starts
  return starts.length === 1 && only !== undefined ? only : middlesOfTwo(starts.map(({ median }) => median))
}

/** A short run has one: each start is warmed up. */
function startsOf({ rounds }: Pace): number {
  return rounds <= 5 ? 1 : STARTS
}

function inWords(starts: number): string {
  return starts === 1 ? 'one start of each' : `${starts} starts of each, two by two`
}

/** The slowest of the decisions of `bench/decide.ts`, with the most entries, in microseconds. */
export function decision(places: Places): readonly Finding[] {
  const program = join(import.meta.dirname, '..', 'decide.ts')
  const [file, ...args] = boundTo(places.proxy, [process.execPath, program, '--json'])
  const { stdout, status } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 2 ** 20 })
  if (status !== 0) throw new Error('bench/decide.ts has failed')
  const rows = JSON.parse(stdout) as readonly Readonly<Record<string, number>>[] // as it prints them
  const largest = rows.filter(({ names }) => names === MANY)
  const times = largest.flatMap(({ prefixes: _, names: __, rules: ___, 'load ms': ____, ...kinds }) =>
    Object.values(kinds),
  )
  const value = summarise([Math.max(...times) / 1000])
  return [finding('decision', '–', value, { unit: 'µs', isBetter: 'smaller', remark: 'the slowest kind of request' })]
}

async function startBoth(
  field: Field,
  contenders: readonly Contender[],
  place: string | null,
): Promise<readonly Running[]> {
  const running: Running[] = []
  for (const contender of contenders) running.push({ contender, started: await field.start(contender, place) })
  return running
}

function finding(
  scenario: keyof typeof OTHERS,
  against: string,
  value: Summary,
  rest: Pick<Finding, 'unit' | 'isBetter' | 'remark'>,
): Finding {
  const { title, bound, goal } = OTHERS[scenario]
  return { scenario, measure: title, against, value, bound, goal, ...rest }
}
