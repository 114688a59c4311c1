/** What the data plane is given at start: everything it may touch stands here. Parsed and frozen by the caller. */
import type { Allowed, Observer, Recorder } from '../rules/events.ts'
import type { Address, Prefix } from '../rules/model.ts'
import type { Policy } from '../rules/policy.ts'
import type { OwnAddress } from './guard.ts'
import type { SharedOccupancy } from './occupancy.ts'

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  /** The one way in which this listener learns a client's address. */
  readonly clientAddress: 'socket' | 'proxy-protocol' | 'forwarded'
  /** Who may tell it, for the latter two. */
  readonly trusted: readonly Prefix[]
  /** PEM texts; null = plain. */
  readonly tls: { readonly cert: string; readonly key: string } | null
}

/** Counts, bytes and milliseconds; see docs/configuration.md. */
export interface Limits {
  readonly connections: number
  readonly tunnelsPerClient: number
  readonly tunnelsPerSharedClient: number
  readonly headBytes: number
  readonly headMs: number
  readonly helloMs: number
  readonly dnsMs: number
  readonly dialMs: number
  readonly idleMs: number
  readonly drainMs: number
}

/** Exempt from the guard; resolves names itself. */
export interface ParentProxy {
  /** A name, or the text of an address. */
  readonly host: string
  readonly port: number
}

export interface ProxyLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface ProxyOptions {
  /** The pseudonym in Via and Proxy-Status. */
  readonly name: string
  readonly ownHost: string
  readonly listeners: readonly ListenerOptions[]
  readonly limits: Limits
  readonly origins: {
    /** Prefixes that may be dialled although the guard would refuse them. */
    readonly allow: readonly Prefix[]
    /** Ports that CONNECT may open, as inclusive pairs. */
    readonly connectPorts: readonly (readonly [number, number])[]
  }
  /** The next proxies, tried in order; empty: every request goes straight to its origin. */
  readonly parents: readonly ParentProxy[]
  /** What becomes of open tunnels that changed rules no longer let through. */
  readonly existingTunnels: 'keep' | 'drain' | 'cut'
  /** Resolve a refused name for the record; never connect. */
  readonly resolveDenied: boolean
  /** The policy in force. An exchange asks once and keeps what it was given. */
  readonly policy: () => Policy
  /** Rules that are judged beside those in force, and never act. Absent or null: none. */
  readonly shadow?: () => Policy | null
  readonly recorder: Recorder
  readonly observer: Observer
  /** Told of conferencing that is let through without a record. Must not throw. Absent: nobody tallies. */
  readonly tally?: (allowed: Allowed) => void
  readonly log: ProxyLog
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** A new UUIDv7. */
  readonly newId: () => string
  /** Where the proxy's own pages are served, and the token that says that a request comes from here. */
  readonly ownPages: { readonly port: number; readonly token: string }
  /** What else this program listens on: never dialled, as the listeners are not. */
  readonly alsoOurs: readonly OwnAddress[]
  /** Where several threads serve for one proxy: what they have taken, and which of them this is. */
  readonly shared?: { readonly occupancy: SharedOccupancy; readonly thread: number }
  /** Tests put their own name service here. */
  readonly lookup?: NameLookup
}

/** A name's addresses and for how long they hold, in seconds. Rejects with `code` ENOTFOUND where there are none. */
export type NameLookup = (name: string) => Promise<{ readonly addresses: readonly Address[]; readonly seconds: number }>
