/**
 * What one folder tells another about a request's life: the ends of an exchange, and the events that auditors read.
 * Types and closed sets only. `proxy/` produces these; `audit/` records them, `metrics/` counts them.
 */
import type { Verdict, VerdictAction } from './model.ts'

export const EXCHANGE_KINDS = ['connect', 'http', 'upgrade', 'own'] as const
export type ExchangeKind = (typeof EXCHANGE_KINDS)[number]

export const OUTCOMES = ['ok', 'denied', 'client_error', 'upstream_error', 'proxy_error'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** Error types of RFC 9209 §2.3 that Landline answers with. */
export const ERROR_TYPES = [
  'dns_timeout',
  'dns_error',
  'destination_not_found',
  'destination_unavailable',
  'destination_ip_prohibited',
  'destination_ip_unroutable',
  'connection_refused',
  'connection_terminated',
  'connection_timeout',
  'connection_read_timeout',
  'connection_write_timeout',
  'connection_limit_reached',
  'tls_protocol_error',
  'tls_certificate_error',
  'http_request_error',
  'http_request_denied',
  'http_response_incomplete',
  'http_response_header_section_size',
  'http_response_header_size',
  'http_response_body_size',
  'http_response_timeout',
  'http_upgrade_failed',
  'http_protocol_error',
  'proxy_internal_response',
  'proxy_internal_error',
  'proxy_configuration_error',
  'proxy_loop_detected',
] as const
export type ErrorType = (typeof ERROR_TYPES)[number]

export const SHADOW_RESULTS = ['same', 'different', 'failed'] as const

/** What a shadow made of an exchange: rules that are judged beside those in force and never act. */
export type ShadowOutcome =
  | { readonly result: 'same' | 'failed' }
  | { readonly result: 'different'; readonly action: VerdictAction; readonly service: string }

/** What a shadow would have done instead. */
export interface ShadowVerdict {
  readonly action: VerdictAction
  readonly rule: string
  readonly revision: string
}

/** Told once, at the end of every exchange. Times are seconds. */
export interface ExchangeEnd {
  readonly kind: ExchangeKind
  readonly outcome: Outcome
  readonly error: ErrorType | null
  /** The verdict that stood at the end; null when the exchange ended before there was one. */
  readonly verdict: Verdict | null
  /** True for a refusal by the destination guard or the port list, whatever the verdict said. */
  readonly refused: boolean
  /** True when the request asked for a bare address. */
  readonly bareAddress: boolean
  /** The reference of the record, when one was written. */
  readonly reference: string | null
  /** Absent or null: no shadow judged it. */
  readonly shadow?: ShadowOutcome | null
  /** From the request's last head byte to the first byte of the answer; null when nothing was answered. */
  readonly setupSeconds: number | null
  /** Spent in `decide`. */
  readonly decisionSeconds: number | null
}

/**
 * Conferencing that was let through and of which no record stands: what is tallied. Told once for an exchange, as soon as no
 * more evidence will come. Nothing of the client's address is in it.
 */
export interface Allowed {
  /** When it was asked for, in milliseconds since 1970. */
  readonly at: number
  readonly verdict: Verdict
  /** Of the rules that judged it. */
  readonly revision: string
  /** As in `Evidence`. */
  readonly host: string | null
  readonly port: number
  readonly serverName: string | null
  readonly httpHost: string | null
}

/** How many requests, of what and how, wait or were turned away. */
export const LIMITS = [
  'connections',
  'connections_waiting',
  'tunnels_per_client',
  'head_bytes',
  'head_ms',
  'hello_ms',
  'dns_ms',
  'dial_ms',
  'idle_ms',
  'drain_ms',
  'descriptors',
] as const
export type Limit = (typeof LIMITS)[number]

/** What a listener can find odd about a client's address; `proxy/suspect.ts` says what each means. */
export const SUSPECT_REASONS = [
  'gateway',
  'own_address',
  'balancer',
  'share',
  'untrusted',
  'missing',
  'malformed',
  'timeout',
  'conflict',
  'proxy_header',
  'forwarded_header',
] as const
export type SuspectReason = (typeof SUSPECT_REASONS)[number]

/** What becomes of what is open and no longer let through: `drained` is given time, and may be cut after it. */
export const REJUDGED_FATES = ['kept', 'drained', 'cut'] as const
export type RejudgedFate = (typeof REJUDGED_FATES)[number]

/** What `proxy/` reports as it goes. `metrics/` implements it. */
export interface Observer {
  ended(end: ExchangeEnd): void
  dialled(result: 'ok' | 'refused' | 'timeout' | 'error', seconds: number): void
  resolved(result: 'ok' | 'not_found' | 'timeout' | 'error', seconds: number): void
  tunnelOpened(): void
  tunnelClosed(seconds: number): void
  /** `sent` towards the origin, `received` from it. */
  tunnelBytes(direction: 'sent' | 'received', bytes: number): void
  limitReached(limit: Limit): void
  /** So many open tunnels are not let through by the rules in force now. */
  tunnelsRejudged(fate: RejudgedFate, count: number): void
  clientSuspect(reason: SuspectReason): void
}

/** What an exchange puts on the record (contract, section 4). */
export const TRAFFIC_ACTIONS = ['block', 'would-block', 'log', 'except', 'refuse', 'sever', 'end'] as const
export type TrafficAction = (typeof TRAFFIC_ACTIONS)[number]

/** `because` of a refusal by the port list; those by the guard name what was refused. */
export const PORT_REFUSAL = 'CONNECT to a port that is not listed'

/** `@timestamp`, `event.id`, `event.sequence` and `landline.prev` are the recorder's to give. */
export interface TrafficEvent {
  readonly action: TrafficAction
  /** UUIDv7 of the exchange, the same in all of its records. */
  readonly exchange: string
  readonly source: { readonly ip: string; readonly port: number }
  /** How the listener learnt the client's address, and the hops it came through. */
  readonly client: { readonly learnt: 'socket' | 'proxy-protocol' | 'forwarded'; readonly path: readonly string[] }
  /** null where the destination may not be recorded (not conferencing). */
  readonly destination: { readonly domain: string | null; readonly ip: string | null; readonly port: number } | null
  readonly method: string | null
  readonly verdict: Verdict
  readonly policy: { readonly name: string; readonly revision: string }
  /** The tunnel opened with an encrypted_client_hello (real or GREASE): the name judged is the outer one. */
  readonly ech: boolean
  /** Why a guard, port list or sever acted, where the rule's own reason does not say it. */
  readonly because: string | null
  /** What a shadow would have done instead of `action`; absent or null where there is none, or it agrees. */
  readonly shadow?: ShadowVerdict | null
  /** Of a `sever` because the rules or the time have changed: what had let it through. */
  readonly rejudged?: Rejudged | null
  /** Of an `end`: what the tunnel or answer carried. */
  readonly carried: { readonly sentBytes: number; readonly receivedBytes: number; readonly milliseconds: number } | null
}

/** What an open tunnel was let through by, before `why` cut it. */
export interface Rejudged {
  readonly why: string
  readonly action: VerdictAction
  readonly rule: string
  readonly exception: string | null
  readonly revision: string
}

export const SYSTEM_ACTIONS = [
  'start',
  'stop',
  'reload',
  'reload-failed',
  'mode-change',
  'shadow-reload',
  'shadow-reload-failed',
  'exception-started',
  'exception-expired',
  'recovered',
  'purge',
  'export',
  'reveal',
  'key-destroyed',
  'sign-off',
  'login-failed',
  'breakglass',
  'breakglass-ended',
  'worker-replaced',
  'tally',
] as const
export type SystemAction = (typeof SYSTEM_ACTIONS)[number]

/** An event of the system itself: what happened, and plain facts about it (no addresses of clients, no credentials). */
export interface SystemEvent {
  readonly action: SystemAction
  readonly outcome: 'success' | 'failure'
  readonly reason: string
  readonly policy: { readonly name: string; readonly revision: string } | null
  readonly facts: Readonly<Record<string, string | number | boolean | null | readonly string[]>>
  /** Of a log-in that failed: where it came from. */
  readonly source?: { readonly ip: string }
}

/** What `audit/` offers to those who must record before they answer. */
export interface Recorder {
  /** Resolves with the reference (UUIDv7) once the record is as safe as `audit.sync` promises; rejects when it cannot be, and then nothing may be let through. */
  record(event: TrafficEvent | SystemEvent): Promise<string>
}
