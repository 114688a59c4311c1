/** Runs the scenarios: the contenders by turns, round after round, so that what slows the machine slows all of them alike. */
import type { Contender, Started } from './contender.ts'
import type { Field, Round } from './field.ts'
import type { Finding, Line, Measured } from './report.ts'
import type { Rate } from './scenarios.ts'
import { ratios, summarise } from './statistics.ts'

/** Of warming up at most, however slow the proxy is. */
const MOST_WARM_SECONDS = 20

export interface Pace {
  readonly rounds: number
  readonly seconds: number
  /** A line on what goes on. */
  readonly say: (line: string) => void
}

export interface Running {
  readonly contender: Contender
  readonly started: Started
}

/** One load on all that can bear it. The first one is ours: the others are held against it. */
export async function compare(field: Field, rate: Rate, running: readonly Running[], pace: Pace): Promise<Line> {
  const able = running.filter(({ contender }) => rate.needs === 'any' || contender[rate.needs])
  const rounds = await byTurns(field, rate, able, pace)
  const ours = perCpuSecond(rounds[0] ?? [])
  const measured = able.map(({ contender }, index) =>
    measuredOf(contender.name, rounds[index] ?? [], index === 0 ? null : ours),
  )
  return { scenario: rate.id, title: rate.title, unit: rate.unit, measured }
}

/** For each of them its rounds. Who begins changes from round to round. */
export async function byTurns(
  field: Field,
  { title, load, warm }: Pick<Rate, 'title' | 'load' | 'warm'>,
  running: readonly Running[],
  { rounds, seconds, say }: Pace,
): Promise<readonly (readonly Round[])[]> {
  for (const { started, contender } of running) {
    say(`${title}: ${contender.name} warms up`)
    let count = 0
    for (let second = 0; second < MOST_WARM_SECONDS && count < warm; second++)
      count += (await field.run(started, load, 1)).count || warm // one that answers nothing will not get better
  }
  const all: Round[][] = running.map(() => [])
  for (let round = 0; round < rounds; round++) {
    say(`${title}: round ${round + 1} of ${rounds}`)
    for (let turn = 0; turn < running.length; turn++) {
      const index = (turn + round) % running.length
      all[index]!.push(await field.run(running[index]!.started, load, seconds)) // within both lists
    }
  }
  return all
}

export function perCpuSecond(rounds: readonly Round[]): readonly number[] {
  return rounds.map(({ count, cpuSeconds }) => count / cpuSeconds)
}

/** What of a line is aimed at. */
export function findingsOf({ scenario, title, measured }: Line, aims: Rate['aims']): readonly Finding[] {
  return aims.flatMap(({ against, bound, goal }) => {
    const ratio = measured.find(({ contender }) => contender === against)?.ratio
    if (!ratio) return []
    return [
      {
        scenario,
        measure: title,
        against,
        value: ratio,
        unit: '',
        bound,
        goal,
        isBetter: 'larger' as const,
        remark: null,
      },
    ]
  })
}

function measuredOf(contender: string, rounds: readonly Round[], ours: readonly number[] | null): Measured {
  const own = perCpuSecond(rounds)
  const middle = (of: (round: Round) => number) => summarise(rounds.map(of)).median
  return {
    contender,
    perCpuSecond: summarise(own),
    busy: middle(({ cpuSeconds, seconds }) => cpuSeconds / seconds),
    failures: rounds.reduce((sum, { failures }) => sum + failures, 0),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    ratio: ours === null ? null : ratios(ours, own),
  }
}
