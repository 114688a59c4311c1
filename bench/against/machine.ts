/** What the kernel says of processes and of the machine, and how a process is bound to a processor. Linux only: /proc. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where Debian keeps servers, which is not on everybody's PATH. */
const SERVER_FOLDERS = ['/usr/sbin', '/sbin']
/** Of /proc/PID/stat; the same on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100

/** The path of an installed program; null where there is none. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SERVER_FOLDERS]
  const paths = folders.map((folder) => join(folder, name))
  return paths.find((path) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o111) !== 0) ?? null
}

/** User and system seconds of a process, of all that it has started, and of those of them that have ended. */
export function cpuSeconds(pid: number): number {
  return familyOf(pid).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND
}

/** Resident memory of a process and of all that it has started. */
export function residentBytes(pid: number): number {
  return familyOf(pid).reduce((sum, { pid: one }) => sum + residentOf(one), 0)
}

interface Member {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
}

function familyOf(pid: number): readonly Member[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => memberOf(Number(name)))
    .filter((member) => member !== null)
  const family = all.filter((member) => member.pid === pid)
  for (const { pid: one } of family) family.push(...all.filter(({ parent }) => parent === one))
  return family
}

/** Null: it has just ended. */
function memberOf(pid: number): Member | null {
  const text = readOrEmpty(`/proc/${pid}/stat`)
  // The name, in parentheses, may hold spaces and parentheses: what counts comes behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields.length < 15) return null
  const [parent, ...ticks] = [1, 11, 12, 13, 14].map((at) => Number(fields[at])) // ppid, utime, stime, cutime, cstime
  return { pid, parent: parent ?? 0, ticks: ticks.reduce((sum, one) => sum + one, 0) }
}

function residentOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? 0) * 1024
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Which processors the proxy gets and which the load and the origin; `null`: there is one, or no way to bind to it. */
export interface Places {
  readonly proxy: string | null
  /** For two workers: processors of their own where there are enough. */
  readonly workers: string | null
  readonly load: string | null
}

export function placesOf(count = availableParallelism()): Places {
  if (count < 2 || findProgram('taskset') === null) return { proxy: null, workers: null, load: null }
  return { proxy: '1', workers: count >= 4 ? '1,2' : '1', load: count >= 4 ? `0,3-${count - 1}` : '0' }
}

/** The command bound to those processors. */
export function boundTo(place: string | null, command: readonly string[]): readonly [string, ...string[]] {
  const [program = '', ...rest] = command
  return place === null ? [program, ...rest] : ['taskset', '--cpu-list', place, program, ...rest]
}

/** The first line that a program prints of itself, or null. */
export function versionOf(program: string, flag: string): string | null {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8', timeout: 10_000 })
  const [, version] = /(\d+\.\d+(?:\.\d+)?[\w.+~-]*)/.exec(`${stdout ?? ''}${stderr ?? ''}`) ?? []
  return version ?? null
}

/** The machine in a line. */
export function machineInWords(): string {
  const all = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const [kernel] = /^[\d.]+\d/.exec(release()) ?? ['']
  return `${all.length} × ${all[0]?.model.trim() || 'processor'}, ${memory} GiB, Linux ${kernel}`
}
