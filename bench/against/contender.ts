/** A proxy in the comparison, and how one is started: in the foreground, bound to its processor, with what it writes in files. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { boundTo } from './machine.ts'

const START_MS = 120_000
const STOP_MS = 5000

export interface Setting {
  /** An empty folder, writable for all: some go on as a user of their own. */
  readonly dir: string
  /** Processors to run on; null: any. */
  readonly place: string | null
  /** The origin's web port: for those that can only be put in front of one origin. */
  readonly web: number
}

export interface Contender {
  readonly name: string
  /** Of the program; null: it is not installed. */
  readonly version: string | null
  /** How to install it. */
  readonly remedy: string
  /** What it is given, in a few words, for the results. */
  readonly set: string
  /** Whether it holds the policy and writes a line for each denial. */
  readonly denies: boolean
  readonly tunnels: boolean
  start(setting: Setting): Promise<Started>
}

export interface Started {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

export interface Command {
  readonly dir: string
  readonly place: string | null
  readonly command: readonly string[]
  readonly port: number
  readonly env?: NodeJS.ProcessEnv
}

/** Rejects, with the end of what it wrote, when it does not listen. */
export async function startProgram({ dir, place, command, port, env }: Command): Promise<Started> {
  const [program, ...args] = boundTo(place, command)
  const output = join(dir, 'output.log')
  const log = openSync(output, 'a')
  const child = spawn(program, args, { cwd: dir, stdio: ['ignore', log, log], env: { ...process.env, ...env } })
  closeSync(log)
  const exited = once(child, 'exit').catch(() => [])
  try {
    await listens(child, port)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${error instanceof Error ? error.message : error}\n${readFileSync(output, 'utf8').slice(-2000)}`)
  }
  return { port, pid: child.pid ?? 0, stop: () => stop(child, exited) }
}

async function listens(child: ChildProcess, port: number): Promise<void> {
  let failed: Error | null = null
  child.on('error', (error) => (failed = error))
  for (const end = performance.now() + START_MS; performance.now() < end; await wait(50)) {
    if (failed !== null) throw failed
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    if (await accepts(port)) return
  }
  throw new Error('it does not listen')
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  child.kill('SIGTERM')
  await exited
  clearTimeout(late)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
