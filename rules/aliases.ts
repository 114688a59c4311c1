/**
 * Other names of catalogue services (`webex`) → their ids, wherever a rule file names a service. The parser lets both
 * through; from here on there are only ids, so that either spelling gives the same revision.
 */
import type { RuleEntry, RuleFile } from './model.ts'

/** The same rules with ids in place of aliases. A service of the file's own comes before an alias of the same spelling. */
export function withoutAliases(file: RuleFile, aliases: ReadonlyMap<string, string>): RuleFile {
  if (aliases.size === 0) return file
  const own = new Set(file.services.map(({ id }) => id))
  const resolve = (ids: readonly string[]) => [
    ...new Set(ids.map((id) => (own.has(id) ? id : (aliases.get(id) ?? id)))),
  ]
  return { ...file, rules: file.rules.map((rule) => resolveRule(rule, resolve)) }
}

function resolveRule(rule: RuleEntry, resolve: (ids: readonly string[]) => readonly string[]): RuleEntry {
  const { services, except } = rule
  return {
    ...rule,
    services: services.kind === 'services' ? { kind: 'services', ids: resolve(services.ids) } : services,
    except: except && { ...except, services: except.services && resolve(except.services) },
  }
}
