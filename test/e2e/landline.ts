/** Landline as its users run it: a process of its own, with its own folder, asked by real clients over real sockets. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { type AuditLine, readRecords } from './records.ts'

export const MAIN = join(import.meta.dirname, '..', '..', 'cli', 'main.ts')
/** How long anything may take that is waited for; a machine under load is slow, and a test that hangs says nothing. */
const PATIENCE_MS = 20_000

/** Origins of the tests are on loopback, at any port. */
export const LOOPBACK = 'origins: { allow: [127.0.0.0/8, "::1/128"], connect_ports: ["1-65535"] }\n'

export interface Running {
  readonly dir: string
  readonly port: number
  /** `address:port` of each listener. */
  readonly listeners: readonly string[]
  readonly adminPort: number
  readonly process: ChildProcess
  readonly pid: number
  /** The operator's log so far. */
  readonly log: () => readonly Record<string, unknown>[]
  /** What it has said on standard error. */
  readonly errors: () => string
  readonly records: () => readonly AuditLine[]
  /** The value of one series, `landline_requests_total{kind="http",outcome="ok"}`; NaN: there is none. */
  readonly metric: (series: string) => Promise<number>
  /** Resolves with the exit code (null: a signal ended it). */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>
  /** Resolves when the log has had `count` lines that begin so. */
  readonly waitForLog: (message: string, count?: number) => Promise<void>
}

export interface RunOptions {
  /** Where it runs; none: a new folder, which goes with the test. */
  readonly dir?: string
  /** The rule file's text; none: what is in the folder, else the quick-start policy. */
  readonly rules?: string
  /** The server file's text. */
  readonly config?: string
  readonly flags?: readonly string[]
  /** Options of Node.js. */
  readonly nodeOptions?: string
}

/** A folder that is removed after the test. */
export function scratch(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'landline-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Starts it and waits until it listens. It does not outlive the test. */
export async function start(
  t: Test,
  { dir = scratch(t), rules, config, flags = [], nodeOptions }: RunOptions = {},
): Promise<Running> {
  if (rules !== undefined) writeFileSync(join(dir, 'rules.yaml'), rules)
  if (config !== undefined) writeFileSync(join(dir, 'landline.yaml'), config)
  const child = spawn(process.execPath, serveArgs(flags), {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: nodeOptions === undefined ? process.env : { ...process.env, NODE_OPTIONS: nodeOptions },
  })
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve))
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    return exited
  }
  t.teardown(() => stop('SIGKILL'))
  let out = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const log = () =>
    wholeLines(out)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>) // pino writes objects
  const waitForLog = (message: string, count = 1) =>
    waitFor(`"${message}" in the log`, () => {
      if (wholeLines(out).split(`"msg":"${message}`).length > count) return true
      if (child.exitCode === null && child.signalCode === null) return false
      throw new Error(`landline ended without "${message}"\n${out}\n${errors}`)
    })
  await waitForLog('landline listens on')
  const started = log().find(({ msg }) => String(msg).startsWith('landline listens on'))
  const { listeners, admin: adminPort } = started as unknown as { listeners: readonly string[]; admin: number } // as serve logs them
  return {
    dir,
    port: Number(/:(\d+)$/.exec(listeners[0] ?? '')?.[1]),
    listeners,
    adminPort,
    process: child,
    pid: child.pid ?? 0,
    log,
    errors: () => errors,
    records: () => readRecords(join(dir, 'data', 'audit')),
    metric: async (series) => (await readSeries(adminPort)).get(series) ?? Number.NaN,
    stop,
    waitForLog,
  }
}

/** Exit code and errors of a start that is expected to fail. */
export async function startAndFail(
  t: Test,
  { dir = scratch(t), rules, config, flags = [] }: RunOptions,
): Promise<{ code: number; errors: string }> {
  if (rules !== undefined) writeFileSync(join(dir, 'rules.yaml'), rules)
  if (config !== undefined) writeFileSync(join(dir, 'landline.yaml'), config)
  const { code, errors } = await run(process.execPath, serveArgs(flags), { cwd: dir })
  return { code, errors }
}

function serveArgs(flags: readonly string[]): string[] {
  const listen = flags.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
  const admin = flags.includes('--admin') ? [] : ['--admin', '127.0.0.1:0']
  return [MAIN, 'serve', ...listen, ...admin, ...flags]
}

/** The last line may still be on its way. */
function wholeLines(out: string): string {
  return out.slice(0, out.lastIndexOf('\n') + 1)
}

/** Runs another command of Landline to its end. */
export function command(dir: string, args: readonly string[], input?: string): Promise<Ended> {
  return run(process.execPath, [MAIN, ...args], { cwd: dir, ...(input === undefined ? {} : { input }) })
}

/** Every series of /metrics, by name and labels as written there. */
export async function readSeries(adminPort: number): Promise<ReadonlyMap<string, number>> {
  // On a connection of its own: one that was kept may be closed at the very moment in which it is used again.
  const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`, { headers: { connection: 'close' } })
  const text = await answer.text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

/** Resolves when the condition holds; rejects, naming it, when that takes too long. */
export async function waitFor(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export interface Ended {
  readonly code: number
  readonly out: string
  readonly errors: string
}

const executed = promisify(execFile)

/** Runs a program to its end; never rejects for an exit code. */
export async function run(
  file: string,
  args: readonly string[],
  { input, ...options }: { cwd?: string; env?: NodeJS.ProcessEnv; timeout?: number; input?: string } = {},
): Promise<Ended> {
  const ended = executed(file, args, { timeout: 60_000, maxBuffer: 64 * 1024 * 1024, ...options })
  ended.child.stdin?.on('error', () => {}) // who does not read it need not
  ended.child.stdin?.end(input)
  try {
    const { stdout, stderr } = await ended
    return { code: 0, out: stdout, errors: stderr }
  } catch (error) {
    const failed = error as { code?: number; stdout?: string; stderr?: string; signal?: string } // what execFile rejects with
    return { code: failed.code ?? -1, out: failed.stdout ?? '', errors: `${failed.stderr ?? ''}${failed.signal ?? ''}` }
  }
}

/** An ordinary web server on loopback. */
export async function origin(
  t: Test,
  handler: RequestListener,
  host = '127.0.0.1',
): Promise<{ port: number; server: Server }> {
  const server = createServer(handler)
  const port = await listen(t, server, host)
  return { port, server }
}

/** Opens a server for the time of the test. */
export async function listen(
  t: Test,
  server: { listen(port: number, host: string, done: () => void): unknown; close(): unknown; address(): unknown },
  host = '127.0.0.1',
): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.teardown(() => {
    if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function')
      server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port // it listens on TCP
}
