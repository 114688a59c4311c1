/** What the main thread and the threads that serve clients say to each other. Plain data, in the order in which it was said. */
import type { TallyRow } from '../../audit/tallies/row.ts'
import type { Family } from '../../metrics/exposition.ts'
import type { SharedOccupancy } from '../../proxy/occupancy.ts'
import type { ListenerOptions, ProxyOptions } from '../../proxy/options.ts'
import type { SystemEvent, TrafficEvent } from '../../rules/events.ts'
import type { PackedInForce } from './packed-in-force.ts'
import type { ListenAddress } from './plane.ts'

/** What a thread is started with: of the proxy's options those that are data. */
export interface WorkerStart {
  readonly options: Omit<
    ProxyOptions,
    | 'listeners'
    | 'policy'
    | 'shadow'
    | 'recorder'
    | 'observer'
    | 'tally'
    | 'log'
    | 'now'
    | 'newId'
    | 'lookup'
    | 'shared'
  >
  readonly rules: PackedInForce
  readonly shared: { readonly occupancy: SharedOccupancy; readonly thread: number }
}

/** What a thread is asked for, and what it answers with. */
export interface Asked {
  readonly listen: {
    readonly order: { readonly listeners: readonly ListenerOptions[] }
    /** The port of each listener. */
    readonly answer: readonly ListenAddress[]
  }
  readonly use: { readonly order: PackedInForce; readonly answer: null }
  readonly rejudge: { readonly order: { readonly why: string }; readonly answer: null }
  /** Answered when every connection is gone and every record written. */
  readonly drain: { readonly order: null; readonly answer: null }
  readonly families: { readonly order: null; readonly answer: readonly Family[] }
  /** Whether it still does anything at all. */
  readonly look: { readonly order: null; readonly answer: null }
}

export type Kind = keyof Asked

/** A number that the answer repeats, what is asked, and with what. */
export type Order = {
  readonly [K in Kind]: { readonly ask: number; readonly kind: K; readonly order: Asked[K]['order'] }
}[Kind]

export type NumberedEvent = readonly [number: number, event: TrafficEvent | SystemEvent]

/** Of a record that was asked for: its reference, or why it could not be written. */
export interface Recorded {
  readonly number: number
  readonly reference: string | null
  readonly failure: string
}

/** From the main thread. */
export type ToWorker = Order | { readonly kind: 'recorded'; readonly outcomes: readonly Recorded[] }

/** To the main thread. `failure`: null where it was done. */
export type FromWorker =
  | {
      readonly kind: 'answer'
      readonly ask: number
      readonly answer: Asked[Kind]['answer']
      readonly failure: WorkerFailure | null
    }
  /** The JSON of `NumberedEvent[]`: a structured clone of so many small objects costs more on both sides. */
  | { readonly kind: 'record'; readonly events: string }
  | { readonly kind: 'tallied'; readonly rows: readonly TallyRow[] }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: object; readonly message: string }

export interface WorkerFailure {
  readonly message: string
  /** `EADDRINUSE`. */
  readonly code: string | null
}

export const LOG_LEVELS = ['info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
