/**
 * The break-glass of a running proxy: begun on the record before it is in force, ended by the clock, by somebody or by neither,
 * and then on the record again. An end waits for nothing: no disk, no record, nothing that begins. Rules change under it; what it
 * lifts is looked up in those in force.
 */
import { ALL_RULES, type RuleLift, withLifts } from '../../rules/breakglass.ts'
import type { SystemEvent } from '../../rules/events.ts'
import type { Policy } from '../../rules/policy.ts'
import { type Begin, BreakglassRefused, refuseWrong } from './breakglass-asked.ts'
import { beginning, damaged, ending, iso } from './breakglass-events.ts'
import { type Breakglass, type BreakglassStore, type Ending, type Kept, MOST_LIFTS } from './breakglass-store.ts'
import { Latest } from './latest.ts'
import { untilDone } from './until-done.ts'

const LOOK_MS = 1000
/** What began later than now by more than this began by another clock. */
const CLOCK_MS = 60_000
/** How long an answer and a stop wait for the file. */
const FILE_MS = 4000
/** By whom one has ended that could not be put on record. */
const UNBEGUN = 'nobody: it could not be recorded or kept, and was never in force'
const UNRESUMED = 'a start that could not record that it goes on'

export interface BreakglassBookOptions {
  /** The rules in force, without what is lifted. */
  readonly policy: () => Policy
  /** Puts the rules in force with what is lifted from now on. Resolves when every new request is judged so. */
  readonly apply: (lifts: readonly RuleLift[]) => Promise<void>
  /** Resolves when it is on the disk. */
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

/** One from when it is asked for until its end is on record. */
interface Entry {
  readonly lift: Breakglass
  /** On the clock that nobody sets: one set back must not make it longer. */
  readonly deadline: number
  begun: boolean
  /** Begun, here and now. */
  inForce: boolean
  ended: Ending | null
}

export class BreakglassBook {
  readonly #options: BreakglassBookOptions
  readonly #entries = new Set<Entry>()
  readonly #file: Latest<readonly Kept[]>
  #active: readonly Breakglass[] = []
  #timer: NodeJS.Timeout | undefined
  #covered: { readonly under: Policy; readonly lifts: readonly Breakglass[]; readonly policy: Policy } | null = null
  #lastId = 0
  #isStopped = false
  /** Records to be written. Each resolves with what gives it up, once its first try is over. */
  readonly #owed = new Set<Promise<() => void>>()

  constructor(options: BreakglassBookOptions) {
    this.#options = options
    this.#file = new Latest('break-glass: keeping what is lifted', (kept) => options.store.write(kept), options.log)
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

  /** Resolves when it is recorded, kept and in force. Rejects with BreakglassRefused. */
  async begin(asked: Begin): Promise<Breakglass> {
    const began = this.#options.now()
    refuseWrong(asked, this.#options.policy(), began)
    if (this.#entries.size >= MOST_LIFTS)
      throw new BreakglassRefused(
        'state',
        `${MOST_LIFTS} are active or not yet on record as ended; end one, or lift "all"`,
      )
    const entry = this.#add({ ...asked, id: this.#newId(began), began, begun: false, ended: null })
    void this.#changed()
    await this.#open(entry)
    await this.#file.written(FILE_MS)
    return entry.lift
  }

  /** Ends one before its time, or `all`, also what is about to begin. Resolves with what it ended, when that is out of force and kept so. */
  async end(which: string, by: string): Promise<readonly Breakglass[]> {
    const meant = this.#running().filter(({ lift: { id } }) => which === ALL_RULES || which === id)
    await this.#end(meant, by)
    this.#tell(await this.#file.written(FILE_MS))
    return meant.map(({ lift }) => lift)
  }

  /** Goes on with what a stop or a crash has interrupted, as far as it still has time, and records what ended meanwhile. */
  async resume(): Promise<void> {
    const { store, policy, now, log } = this.#options
    const { kept, damage } = await store.read(now())
    if (damage !== null) {
      const { cause, aside } = damage
      log.error({ err: cause, set_aside: aside }, 'break-glass: what was lifted cannot be read back, and is over')
      for (const event of damaged(damage, policy(), now())) this.#owe(event)
      await this.#changed()
    }
    const entries = kept.map((one) => this.#add(one))
    for (const entry of entries) {
      const why = whyOver(entry, now())
      if (why !== null) await this.#end([entry], why)
    }
    const failed = (error: unknown) => log.error({ err: error }, 'break-glass does not go on')
    await Promise.all(this.#running().map((entry) => this.#open(entry).catch(failed)))
  }

  /** Ends what is due. Called by itself once a second while anything is lifted. */
  look(): Promise<void> {
    const { now, elapsed } = this.#options
    const isDue = ({ lift: { until }, deadline }: Entry) => now() >= until || elapsed() >= deadline
    return this.#end(this.#running().filter(isDue), 'time')
  }

  /** Looks no more, and no longer tries what cannot be recorded or kept. What is lifted goes on with the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    for (const tried of this.#owed) void tried.then((giveUp) => giveUp())
    this.#tell(await this.#file.settle(FILE_MS))
  }

  #tell(isKept: boolean): void {
    if (isKept) return
    const what =
      'break-glass: the disk does not take its end; where breakglass.json is left, remove it before the next start'
    this.#options.log.error({}, what)
  }

  #add({ begun, ended, ...lift }: Kept): Entry {
    const { now, elapsed } = this.#options
    const entry = { lift, deadline: elapsed() + lift.until - now(), begun, inForce: false, ended }
    this.#entries.add(entry)
    return entry
  }

  /** Those that have not ended. */
  #running(): readonly Entry[] {
    return [...this.#entries].filter(({ ended }) => ended === null)
  }

  /** On record and kept first, then in force: a crash leaves no opening without its end on record. Rejects with BreakglassRefused. */
  async #open(entry: Entry): Promise<void> {
    const { record, policy, log } = this.#options
    const { lift, begun } = entry
    try {
      const kept = begun || this.#file.written(FILE_MS)
      await record(beginning(lift, policy(), begun))
      if (!(await kept)) throw new Error('what is lifted cannot be kept')
    } catch (cause) {
      // The record may still come, late.
      if (entry.ended === null) await this.#end([entry], begun ? UNRESUMED : UNBEGUN)
      throw new BreakglassRefused('state', 'it cannot be recorded or kept, so it is not begun', { cause })
    }
    if (entry.ended !== null) throw new BreakglassRefused('state', `${lift.id} was ended before it was in force`)
    entry.begun = true
    entry.inForce = true
    log.warn(
      { breakglass: lift.id, rules: lift.rules, until: iso(lift.until) },
      begun ? 'break-glass goes on after a start' : 'break-glass: rules are lifted',
    )
    await this.#changed()
  }

  /** Out of force and kept as ended it is at once; its record is tried until it is written. */
  async #end(entries: readonly Entry[], by: string): Promise<void> {
    if (entries.length === 0) return
    const { policy, now, log } = this.#options
    const over = entries.map((entry) => {
      const ended = entry.ended ?? { at: Math.min(now(), entry.lift.until), by }
      entry.ended = ended
      return { entry, ended }
    })
    const applied = this.#changed()
    for (const { entry, ended } of over) {
      log.warn({ breakglass: entry.lift.id, by: ended.by }, 'break-glass has ended')
      this.#owe(ending(entry.lift, ended, policy()), () => {
        this.#entries.delete(entry)
        void this.#changed()
      })
    }
    await applied
  }

  #owe(event: SystemEvent, written = () => {}): void {
    const { record, log } = this.#options
    const work = async () => {
      await record(event)
      this.#owed.delete(tried)
      written()
    }
    const tried = untilDone('recording the end of break-glass', work, log)
    this.#owed.add(tried)
  }

  /** Keeps what there is, however long the disk takes. Resolves when every new request is judged by what is in force. */
  #changed(): Promise<void> {
    const { apply, metric } = this.#options
    const entries = [...this.#entries]
    this.#file.set(entries.map(({ lift, begun, ended }) => ({ ...lift, begun, ended })))
    const active = entries.filter(({ inForce, ended }) => inForce && ended === null).map(({ lift }) => lift)
    if (active.length === this.#active.length && active.every((lift, at) => lift === this.#active[at]))
      return Promise.resolve()
    this.#active = active
    metric(active.length)
    this.#schedule()
    return apply(this.lifts)
  }

  /** No two have the same, whatever the clock does. */
  #newId(began: number): string {
    this.#lastId = Math.max(began, this.#lastId + 1)
    return `breakglass-${iso(this.#lastId).replace(/[-:Z]/g, '').replace('.', 'Z-')}`
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#active.length === 0 || this.#isStopped) return
    const next = Math.min(...this.#active.map(({ until }) => until)) - this.#options.now()
    const look = () => {
      void this.look()
      this.#schedule()
    }
    this.#timer = setTimeout(look, Math.max(1, Math.min(LOOK_MS, next))).unref()
  }
}

/** Why one that was kept does not go on; null: it does. */
function whyOver({ lift: { began, until }, begun, ended }: Entry, now: number): string | null {
  if (ended !== null) return ended.by
  if (!begun) return 'a stop while it began'
  if (until <= now) return 'time, while Landline did not run'
  if (began > now + CLOCK_MS) return 'a start before its beginning: a clock was wrong'
  return null
}
