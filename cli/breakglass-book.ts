/**
 * The break-glass of a running proxy: begun on the record before it is in force, ended by the clock, by somebody or by neither,
 * and then on the record again. Rules change under it; what it lifts is looked up in those in force.
 */
import { liftProblem, type RuleLift, withLifts } from '../rules/breakglass.ts'
import type { SystemEvent } from '../rules/events.ts'
import type { Policy } from '../rules/policy.ts'
import { type Breakglass, type BreakglassStore, MOST_LIFTS, MOST_MS } from './breakglass-store.ts'
import { untilDone } from './until-done.ts'

const LOOK_MS = 1000

/** What is asked for. */
export interface Begin {
  readonly rules: readonly string[]
  /** Milliseconds since 1970. */
  readonly until: number
  readonly ticket: string
  readonly by: string
  readonly user: string
}

/** Why it is not begun, for the one who asked; nothing has changed. */
export class BreakglassRefused extends Error {
  override readonly name = 'BreakglassRefused'
  readonly kind: 'asked' | 'state'

  /** `asked`: what was asked for is wrong. `state`: it is right, and not possible now. */
  constructor(kind: 'asked' | 'state', message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

export interface BreakglassBookOptions {
  /** The rules in force, without what is lifted. */
  readonly policy: () => Policy
  /** Puts the rules in force with what is lifted from now on. Resolves when every new request is judged so. */
  readonly apply: (lifts: readonly RuleLift[]) => Promise<void>
  readonly record: (event: SystemEvent) => Promise<unknown>
  /** How many are active. */
  readonly metric: (active: number) => void
  readonly store: BreakglassStore
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds on a clock that nobody sets. */
  readonly elapsed: () => number
}

interface Active extends Breakglass {
  /** On the clock that nobody sets: one set back must not make it longer. */
  readonly deadline: number
}

export class BreakglassBook {
  readonly #options: BreakglassBookOptions
  #active: readonly Active[] = []
  #timer: NodeJS.Timeout | undefined
  /** One change after the other. */
  #changes: Promise<unknown> = Promise.resolve()
  #covered: { readonly under: Policy; readonly lifts: readonly Active[]; readonly policy: Policy } | null = null
  /** Resolves with what gives a record up, once its first try is over. */
  readonly #owed: Promise<() => void>[] = []

  constructor(options: BreakglassBookOptions) {
    this.#options = options
  }

  /** What is lifted now; the same list until it changes. */
  get active(): readonly Breakglass[] {
    return this.#active
  }

  get lifts(): readonly RuleLift[] {
    return this.#active.map(({ id, rules, until }) => ({ id, rules, until }))
  }

  /** The rules in force with what is lifted. */
  get policy(): Policy {
    const under = this.#options.policy()
    if (this.#covered?.under !== under || this.#covered.lifts !== this.#active)
      this.#covered = { under, lifts: this.#active, policy: withLifts(under, this.lifts) }
    return this.#covered.policy
  }

  /** Resolves when it is recorded and in force. Rejects with BreakglassRefused. */
  begin(asked: Begin): Promise<Breakglass> {
    return this.#inTurn(async () => {
      const { now, policy, record, log } = this.#options
      const began = now()
      this.#check(asked, began)
      const lift: Breakglass = { ...asked, id: this.#newId(began), began }
      try {
        await record(beginning(lift, policy(), false))
      } catch (cause) {
        throw new BreakglassRefused('state', 'it cannot be recorded, so it is not begun', { cause })
      }
      log.warn({ breakglass: lift.id, rules: lift.rules, until: iso(lift.until) }, 'break-glass: rules are lifted')
      await this.#change([...this.#active, this.#timed(lift)])
      return lift
    })
  }

  /** Ends one before its time; null where there is none of that id. Resolves when it is out of force. */
  end(id: string, by: string): Promise<Breakglass | null> {
    return this.#inTurn(async () => {
      const found = this.#active.find((lift) => lift.id === id)
      if (found !== undefined) await this.#drop([found], by)
      return found ?? null
    })
  }

  /** Goes on with what a stop or a crash has interrupted, as far as it still has time, and records what ended meanwhile. */
  resume(): Promise<void> {
    return this.#inTurn(async () => {
      const { store, now, policy, record, log } = this.#options
      const kept = await store.read().catch((error: unknown) => {
        log.error({ err: error }, 'break-glass: what was lifted cannot be read back, and is over')
        return []
      })
      const active: Active[] = []
      for (const lift of kept) {
        if (lift.until <= now()) this.#recordEnd(lift, 'time, while Landline did not run')
        else
          try {
            await record(beginning(lift, policy(), true))
            log.warn(
              { breakglass: lift.id, rules: lift.rules, until: iso(lift.until) },
              'break-glass goes on after a start',
            )
            active.push(this.#timed(lift))
          } catch (error) {
            log.error({ err: error, breakglass: lift.id }, 'break-glass cannot be recorded, and does not go on')
          }
      }
      if (kept.length > 0) await this.#change(active)
    })
  }

  /** Ends what is due. Called by itself once a second while anything is lifted. */
  look(): Promise<void> {
    return this.#inTurn(async () => {
      const { now, elapsed } = this.#options
      const due = this.#active.filter(({ until, deadline }) => now() >= until || elapsed() >= deadline)
      if (due.length > 0) await this.#drop(due, 'time')
    })
  }

  /** Looks no more, and no longer tries what cannot be recorded. What is lifted goes on with the next start. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#changes
    clearTimeout(this.#timer)
    for (const tried of this.#owed) void tried.then((giveUp) => giveUp())
  }

  #check({ rules, until }: Begin, now: number): void {
    const problem = liftProblem(this.#options.policy(), rules)
    if (problem !== null) throw new BreakglassRefused('asked', problem)
    if (until <= now) throw new BreakglassRefused('asked', `${iso(until)} is over; it is ${iso(now)} here`)
    if (until > now + MOST_MS)
      throw new BreakglassRefused(
        'asked',
        `${iso(until)} is more than 24 hours from now, ${iso(now)}; an exception in the rule file can last longer`,
      )
    if (this.#active.length >= MOST_LIFTS)
      throw new BreakglassRefused('state', `${MOST_LIFTS} are active already; end one, or lift "all"`)
  }

  async #drop(lifts: readonly Active[], by: string): Promise<void> {
    await this.#change(this.#active.filter((lift) => !lifts.includes(lift)))
    for (const lift of lifts) {
      this.#options.log.warn({ breakglass: lift.id, by }, 'break-glass has ended')
      this.#recordEnd(lift, by)
    }
  }

  async #change(active: readonly Active[]): Promise<void> {
    const { apply, metric, store, log } = this.#options
    this.#active = active
    metric(active.length)
    const kept = active.map(({ deadline: _, ...lift }) => lift)
    try {
      await apply(this.lifts)
    } finally {
      await store.write(kept).catch((error: unknown) => {
        log.error({ err: error }, 'break-glass cannot be kept over a restart')
      })
      this.#schedule()
    }
  }

  /** Out of force it is whatever the disk does; its record is tried until it is written. */
  #recordEnd(lift: Breakglass, by: string): void {
    const { record, policy, log, now } = this.#options
    const event = ending(lift, policy(), by, now())
    this.#owed.push(untilDone('recording the end of break-glass', () => record(event), log))
  }

  #timed(lift: Breakglass): Active {
    const { now, elapsed } = this.#options
    return { ...lift, deadline: elapsed() + lift.until - now() }
  }

  #newId(began: number): string {
    const base = `breakglass-${iso(began).replace(/[-:]|\.\d+/g, '')}`
    const isTaken = (id: string) => this.#active.some((lift) => lift.id === id)
    let id = base
    for (let n = 2; isTaken(id); n++) id = `${base}-${n}`
    return id
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#active.length === 0) return
    const next = Math.min(...this.#active.map(({ until }) => until)) - this.#options.now()
    this.#timer = setTimeout(() => void this.look().then(() => this.#schedule()), Math.max(1, Math.min(LOOK_MS, next)))
    this.#timer.unref()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#changes.then(work)
    this.#changes = turn.catch(() => {})
    return turn
  }
}

function beginning(
  { id, rules, began, until, ticket, by, user }: Breakglass,
  policy: Policy,
  isResumed: boolean,
): SystemEvent {
  return {
    action: 'breakglass',
    outcome: 'success',
    reason: isResumed ? 'Break-glass goes on after a start' : 'Break-glass: rules are lifted',
    policy,
    facts: { breakglass: id, rules, began: iso(began), until: iso(until), ticket, by, user, resumed: isResumed },
  }
}

function ending({ id, rules, began, until, ticket }: Breakglass, policy: Policy, by: string, now: number): SystemEvent {
  return {
    action: 'breakglass-ended',
    outcome: 'success',
    reason: 'Break-glass has ended: the rules hold again',
    policy,
    facts: {
      breakglass: id,
      rules,
      began: iso(began),
      until: iso(until),
      ended: iso(Math.min(now, until)),
      ticket,
      by,
    },
  }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
