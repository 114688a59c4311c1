/**
 * The machine's own view of names: its hosts file, then DNS with the search list of resolv.conf, by c-ares' own sockets.
 * Not getaddrinfo: its four threads are also those of all files, so a slow name server would stall the record.
 */
import { promises as dns } from 'node:dns'
import { readFile, stat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { parseAddress } from '../rules/address.ts'
import type { Address } from '../rules/model.ts'
import type { NameLookup } from './options.ts'

/** How long the family that has answered waits for the other one (RFC 8305 §3). */
const OTHER_FAMILY_MS = 50
const HOSTS_SECONDS = 1
/** The files are looked at no more often than this. */
const FILE_MS = 1000

type Answer = Awaited<ReturnType<NameLookup>>
type Hosts = ReadonlyMap<string, readonly Address[]>
/** One family's records; `ttl` in seconds. */
type Query = (name: string) => Promise<readonly { readonly address: string; readonly ttl: number }[]>

export interface SystemLookupOptions {
  readonly hosts: string
  readonly resolvConf: string
  readonly resolve4: Query
  readonly resolve6: Query
}

const SYSTEM: SystemLookupOptions = {
  hosts: '/etc/hosts',
  resolvConf: '/etc/resolv.conf',
  resolve4: (name) => dns.resolve4(name, { ttl: true }),
  resolve6: (name) => dns.resolve6(name, { ttl: true }),
}

export function systemLookup(options: SystemLookupOptions = SYSTEM): NameLookup {
  const hosts = watchedFile(options.hosts, readHosts, new Map())
  const search = watchedFile(options.resolvConf, readSearchList, [])
  return async (name) => {
    const listed = (await hosts()).get(name)
    if (listed !== undefined) return { addresses: listed, seconds: HOSTS_SECONDS }
    const domains = name.includes('.') ? [] : await search()
    return firstFound([...domains.map((domain) => `${name}.${domain}`), name], options)
  }
}

/** The names in order; the next one is asked for only where there is none of the one before. */
async function firstFound(names: readonly string[], options: SystemLookupOptions): Promise<Answer> {
  let failure: unknown = new Error('no name')
  for (const name of names) {
    try {
      return await queryBoth(name, options)
    } catch (error) {
      if (!isNotFound(error)) throw error
      failure = error
    }
  }
  throw failure
}

/** Both families at once; one that fails or is slow does not hurt the other. */
async function queryBoth(name: string, { resolve4, resolve6 }: SystemLookupOptions): Promise<Answer> {
  const queries = [resolve6(name), resolve4(name)]
  const all = Promise.allSettled(queries)
  const first = Promise.any(queries).then(() => wait(OTHER_FAMILY_MS))
  await Promise.race([all, first.catch(() => all)])
  const late = Promise.reject(Object.assign(new Error('the other family was first'), { code: 'ENODATA' }))
  const answers = await Promise.allSettled(queries.map((query) => Promise.race([query, late])))
  const found = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  const records = interleaved(found[0] ?? [], found[1] ?? [])
  if (records.length === 0) {
    const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []))
    throw reasons.find((reason) => !isNotFound(reason)) ?? reasons[0] ?? new Error('no answer')
  }
  return {
    addresses: records.map(({ address }) => parseAddress(address)).filter((address) => address !== null),
    seconds: Math.min(...records.map(({ ttl }) => ttl)),
  }
}

/** By turns, IPv6 first (RFC 8305 §4), so that neither family keeps the other from its turn. */
function interleaved<T>(first: readonly T[], second: readonly T[]): readonly T[] {
  const longest = Math.max(first.length, second.length)
  return Array.from({ length: longest }, (_, at) => [...first.slice(at, at + 1), ...second.slice(at, at + 1)]).flat()
}

/** There is no such name, or none of that kind. */
export function isNotFound(cause: unknown): boolean {
  const code = codeOf(cause)
  return code === 'ENOTFOUND' || code === 'ENODATA'
}

export function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}

/** A file's content, read again when it has changed. One that cannot be read is as good as empty. */
function watchedFile<T>(path: string, parse: (text: string) => T, empty: T): () => Promise<T> {
  let version = ''
  let content = empty
  let until = 0
  let looking: Promise<void> = Promise.resolve()
  async function look(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(path)
      const found = `${mtimeMs} ${size} ${ino}`
      if (found !== version) content = parse(await readFile(path, 'utf8'))
      version = found
    } catch {
      version = ''
      content = empty
    }
  }
  return async () => {
    const now = performance.now()
    if (now >= until) {
      until = now + FILE_MS
      looking = looking.then(look)
    }
    await looking
    return content
  }
}

/** hosts(5): an address, then its names, comments after `#`. */
function readHosts(text: string): Hosts {
  const table = new Map<string, Address[]>()
  for (const line of text.split('\n')) {
    const [first, ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    const address = parseAddress(first ?? '')
    if (address === null) continue
    for (const name of names) {
      const key = name.toLowerCase()
      const list = table.get(key)
      if (list === undefined) table.set(key, [address])
      else if (!list.some((one) => one.text === address.text)) list.push(address)
    }
  }
  return table
}

/** resolv.conf(5): the last `search` or `domain` line counts. */
function readSearchList(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/))
  const last = lines.findLast(([keyword]) => keyword === 'search' || keyword === 'domain')
  return (last?.slice(1) ?? [])
    .map((domain) => domain.toLowerCase().replace(/\.$/, ''))
    .filter((domain) => domain !== '')
}
