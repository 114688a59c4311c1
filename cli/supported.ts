/**
 * Settings that the server file knows and this version does not act on. To leave them out in silence would let an operator
 * believe in a protection that is not there: `serve` refuses them.
 */
import type { ServerConfig } from './settings.ts'

/** One line for each setting that asks for what this version cannot do. */
export function unsupported(config: ServerConfig): readonly string[] {
  const asked: readonly (readonly [isAsked: boolean, setting: string, remedy: string])[] = [
    [config.workers !== 1, 'workers', 'leave it at 1; more cores are used by more instances behind a balancer'],
  ]
  return asked.filter(([isAsked]) => isAsked).map(([, setting, remedy]) => `${setting}: not in this version; ${remedy}`)
}
