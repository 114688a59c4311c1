/** The calls of `/api/v1/`: one file for each subject, put together here. */
import type { ApiRoute } from '../../admin/api.ts'
import { exportRoute, revealRoute } from './audit.ts'
import { breakglassRoutes } from './breakglass.ts'
import type { ApiParts } from './parts.ts'
import { reviewRoute, signOffRoute } from './sign-off.ts'
import { statusRoute } from './status.ts'

export function apiRoutes(parts: ApiParts): readonly ApiRoute[] {
  const review = [reviewRoute(parts), signOffRoute(parts)]
  return [statusRoute(parts), ...breakglassRoutes(parts), exportRoute(parts), revealRoute(parts), ...review]
}
