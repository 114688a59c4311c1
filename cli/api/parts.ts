import type { Audit } from '../../audit/audit.ts'
import type { SigningKey } from '../../audit/proof/note.ts'
import type { BreakglassBook } from '../serve/breakglass-book.ts'
import type { Keeper } from '../serve/keeper.ts'
import type { Log } from '../serve/operator-log.ts'
import type { ServerConfig } from '../settings/settings.ts'

/** The parts of a running proxy that calls may reach. */
export interface ApiParts {
  readonly config: ServerConfig
  readonly keeper: Keeper
  readonly breakglass: BreakglassBook
  readonly audit: Audit
  /** Signs the log. */
  readonly signingKey: SigningKey
  readonly log: Log
  readonly now: () => number
  /** starting, serving or draining */
  readonly state: () => string
}
