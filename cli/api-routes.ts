/** The calls of `/api/v1/` and what they act on: one file for each subject, put together here. */
import type { ApiRoute } from '../admin/api.ts'
import type { Audit } from '../audit/audit.ts'
import type { SigningKey } from '../audit/note.ts'
import { exportRoute, revealRoute } from './api-audit.ts'
import { breakglassRoutes } from './api-breakglass.ts'
import { reviewRoute, signOffRoute } from './api-sign-off.ts'
import { statusRoute } from './api-status.ts'
import type { BreakglassBook } from './breakglass-book.ts'
import type { Keeper } from './keeper.ts'
import type { Log } from './operator-log.ts'
import type { ServerConfig } from './settings.ts'

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

export function apiRoutes(parts: ApiParts): readonly ApiRoute[] {
  const review = [reviewRoute(parts), signOffRoute(parts)]
  return [statusRoute(parts), ...breakglassRoutes(parts), exportRoute(parts), revealRoute(parts), ...review]
}
