/** One name space of ids: the things themselves and the groups that stand for several of them. */
import { quoted } from '../address.ts'
import type { Place } from '../model.ts'
import { didYouMean, formatPlace } from '../problems.ts'
import type { Written } from './written.ts'

/** Looking for the nearest id takes time in a large file; where this many are unknown, the ids are not what is wrong. */
const MAX_SUGGESTIONS = 100
/** Recursion has to end somewhere. */
const MAX_GROUP_DEPTH = 64

interface IdSpaceOptions {
  readonly kind: 'segment' | 'service' | 'rule' | 'exception'
  /** Ids with a meaning of their own; they cannot be given away. */
  readonly reserved: readonly string[]
  /** Those of them that a condition may name all the same. */
  readonly nameable?: readonly string[]
}

export class IdSpace {
  readonly #kind: string
  readonly #reserved: ReadonlySet<string>
  readonly #nameable: ReadonlySet<string>
  /** Where each id was given; null for what the catalogue brings. */
  readonly #places = new Map<string, Place | null>()
  readonly #groups = new Map<string, readonly Written<string>[]>()
  readonly #expanded = new Map<string, readonly string[]>()
  #isComplete = true
  #suggestions = 0

  constructor({ kind, reserved, nameable = [] }: IdSpaceOptions) {
    this.#kind = kind
    this.#reserved = new Set(reserved)
    this.#nameable = new Set(nameable)
  }

  /** Part of the rules could not be read: from now on, an unknown id may be known there and is no error of its own. */
  markIncomplete(): void {
    this.#isComplete = false
  }

  /** Makes a catalogue id known. */
  addBuiltIn(id: string): void {
    this.#places.set(id, null)
  }

  /** Makes `id` known. Reports one that is reserved or already given; a service may replace what the catalogue brings. */
  add(id: string, part: Written<unknown>, place: Place): void {
    const earlier = this.#places.get(id)
    if (this.#reserved.has(id)) {
      part.error(`${this.#kind} id ${quoted(id)} has a meaning of its own; choose another`, place)
    } else if (earlier) {
      part.error(`${this.#kind} id ${quoted(id)} is already used at ${formatPlace(earlier)}; choose another`, place)
    } else this.#places.set(id, place)
  }

  /** Makes a group known; what it stands for is looked up when it is first named, so that groups may come in any order. */
  addGroup(id: string, members: readonly Written<string>[], part: Written<unknown>, place: Place): void {
    if (this.#places.get(id) === null) {
      part.error(`${quoted(id)} is a ${this.#kind} of the catalogue; choose another id for the group`, place)
      return
    }
    this.add(id, part, place)
    if (!this.#groups.has(id)) this.#groups.set(id, members)
  }

  /** Looks at every group, named or not. */
  checkGroups(): void {
    for (const id of this.#groups.keys()) this.#membersOf(id, [id])
  }

  /** The ids that `names` stand for, groups expanded, each once, in order. Unknown ones are reported. */
  resolve(names: readonly Written<string>[]): readonly string[] {
    return this.#expand(names, [])
  }

  #expand(names: readonly Written<string>[], trail: readonly string[]): readonly string[] {
    const ids = new Set<string>()
    for (const name of names) {
      const id = name.value
      if (this.#groups.has(id)) {
        for (const member of this.#descend(id, name, trail)) ids.add(member)
      } else if (this.#places.has(id) || this.#nameable.has(id)) ids.add(id)
      else this.#reportUnknown(name)
    }
    return [...ids]
  }

  #descend(group: string, name: Written<string>, trail: readonly string[]): readonly string[] {
    const way = [...trail, group]
    if (trail.includes(group)) {
      name.error(`group ${quoted(group)} contains itself: ${way.join(' > ')}; take it out`)
      return []
    }
    if (way.length > MAX_GROUP_DEPTH) {
      name.error(`groups stand in one another more than ${MAX_GROUP_DEPTH} deep; name the ${this.#kind}s themselves`)
      return []
    }
    return this.#membersOf(group, way)
  }

  #membersOf(group: string, trail: readonly string[]): readonly string[] {
    const known = this.#expanded.get(group)
    if (known !== undefined) return known
    const members = this.#expand(this.#groups.get(group) ?? [], trail)
    this.#expanded.set(group, members)
    return members
  }

  #reportUnknown(name: Written<string>): void {
    if (this.#reserved.has(name.value)) {
      name.error(`${quoted(name.value)} cannot stand here; name the ${this.#kind}s themselves`)
      return
    }
    if (!this.#isComplete) return
    const candidates = ++this.#suggestions > MAX_SUGGESTIONS ? [] : [...this.#places.keys(), ...this.#nameable]
    const suggestion = didYouMean(name.value, candidates) || `; define it, or name one that exists`
    name.error(`unknown ${this.#kind} ${quoted(name.value)}${suggestion}`)
  }
}
