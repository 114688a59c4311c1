/** What is known of requests that were made before, from records and tallies. Types only; `replay.ts` judges them anew. */
import type { Address, Medium, VerdictAction } from '../model.ts'

/** One request, or several that are told alike. */
export interface Past {
  /** Where the client sat, by the rules of then. */
  readonly segment: string
  readonly medium: Medium
  /** The prefix of its seat, where that is told. */
  readonly prefix: string | null
  /** null: the address is not told. */
  readonly source: Address | null
  /** When it was asked for, in milliseconds since 1970: not before `from`, not after `to`. */
  readonly from: number
  readonly to: number
  /** `hidden`: no conferencing by the rules of then, and so not recorded; `overflow`: many that a tally counts together. */
  readonly asked: PastAsked | 'hidden' | 'overflow'
  readonly was: PastVerdict
  /** Requests. */
  readonly count: number
}

/** As in `Evidence`; what was not told is null. */
export interface PastAsked {
  readonly host: string | null
  /** Of several requests that share a record, only the first tells its own: null. */
  readonly port: number | null
  /** Whether by CONNECT, of which alone the ports are listed. */
  readonly tunnel: boolean | null
  readonly serverName: string | null
  readonly httpHost: string | null
  readonly address: Address | null
  /** Where the address is not told: the service's prefix that held it, or null where none did. `unseen`: not resolved, or by others. */
  readonly held: string | null | 'unseen'
}

/** Who said yes or no: the guard and the port list refuse whatever the rules of the file say. */
export type Decider = 'rules' | 'guard' | 'port'

/** What became of it. */
export interface PastVerdict {
  readonly action: VerdictAction | 'sever'
  /** `none` where there was none; so with the service. */
  readonly rule: string
  readonly service: string
  readonly exception: string | null
  readonly revision: string
  readonly by: Decider
}

/** Why the file cannot say what would become of a request. */
export const REASONS = [
  'overflow',
  'destination-not-recorded',
  'rules-not-archived',
  'client-segment',
  'client-exception',
  'hour',
  'destination-address',
  'port',
  'guard',
  'breakglass',
] as const
export type Reason = (typeof REASONS)[number]
