/** What a run has found, as plain data: what `--json` writes, and what the table and the chart are made from. */
import type { Summary } from './statistics.ts'

/** One contender under one load, over all rounds. */
export interface Measured {
  readonly contender: string
  readonly perCpuSecond: Summary
  /** The share of one processor that it used: far below 1, something else was in the way. */
  readonly busy: number
  readonly failures: number
  readonly p50: number
  readonly p99: number
  /** Landline's figure over this one's, round by round; null for Landline itself. */
  readonly ratio: Summary | null
}

export interface Line {
  readonly scenario: string
  readonly title: string
  /** What the figures count. */
  readonly unit: string
  readonly measured: readonly Measured[]
}

/** One figure that is aimed at. */
export interface Finding {
  readonly scenario: string
  readonly measure: string
  /** `Squid`, or in words what it is a ratio to. */
  readonly against: string
  readonly value: Summary
  /** Of the value; empty for a ratio. */
  readonly unit: string
  readonly bound: number
  readonly goal: number
  readonly isBetter: 'larger' | 'smaller'
  /** What must be known to read it; null where nothing. */
  readonly remark: string | null
}

export interface Report {
  readonly date: string
  readonly machine: string
  /** Of the last minute before the run: far above 0, something else was going on. */
  readonly loadAverage: number
  readonly places: string
  /** Names by our own name server, or addresses. */
  readonly hosts: string
  readonly rounds: number
  readonly seconds: number
  readonly contenders: readonly { readonly name: string; readonly version: string; readonly set: string }[]
  readonly lines: readonly Line[]
  readonly findings: readonly Finding[]
  /** What was not measured, and why. */
  readonly left: readonly string[]
}

/** `goal`, `bound`: reached. `missed`: not even the bound. */
export function standing({ value: { median }, bound, goal, isBetter }: Finding): 'goal' | 'bound' | 'missed' {
  const reaches = (aim: number) => (isBetter === 'larger' ? median >= aim : median <= aim)
  return reaches(goal) ? 'goal' : reaches(bound) ? 'bound' : 'missed'
}
