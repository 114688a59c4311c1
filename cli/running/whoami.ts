/** `landline whoami`: what the running proxy sees of whoever asks from here, and how it learnt it. */
import { readFileSync } from 'node:fs'
import { EXIT, type ExitCode, type Io, UsageError } from '../io.ts'
import { type ConfigFlags, formatConfigProblem, loadConfig } from '../settings/config.ts'
import type { ServerConfig } from '../settings/settings.ts'
import { hostAndPort, loopbackOf } from '../settings/values.ts'
import { getPage, type PagePlace } from './get-page.ts'

export interface WhoamiFlags extends Pick<ConfigFlags, 'config'> {
  /** HOST:PORT of a listener; the first of the server file that takes the socket's address, when not given. */
  readonly proxy?: string | undefined
  /** A target to be judged. */
  readonly to?: string | undefined
  readonly json?: boolean | undefined
}

/** 0: it answered; 1: it did not, or the settings are bad. */
export async function whoami(flags: WhoamiFlags, env: NodeJS.ProcessEnv, io: Io): Promise<ExitCode> {
  const place = flags.proxy === undefined ? placeInConfig(flags, env, io) : placeOf(flags.proxy)
  if (place === null) return EXIT.wrong
  const path = flags.to === undefined ? '/whoami' : `/whoami?to=${encodeURIComponent(flags.to)}`
  try {
    const { status, body } = await getPage(place, path, flags.json ? 'application/json' : 'text/plain')
    if (status === 400 && flags.to !== undefined) throw new UsageError(`--${body.trim()}`)
    if (status === 200) {
      io.print(body.trimEnd())
      return EXIT.fine
    }
    io.complain(`${place.host}:${place.port} answered ${status}: is it a listener of Landline?`)
  } catch (error) {
    if (error instanceof UsageError) throw error
    io.complain(`no answer from ${place.host}:${place.port}: ${error instanceof Error ? error.message : error}`)
  }
  return EXIT.wrong
}

function placeOf(text: string): PagePlace {
  const tls = /^https:\/\//i.test(text)
  const { data } = hostAndPort.safeParse(text.replace(/^https?:\/\//i, '').replace(/\/$/, ''))
  if (data === undefined) throw new UsageError(`--proxy ${text} is not HOST:PORT; write it as 127.0.0.1:3128`)
  return { host: data.host, port: data.port, tls }
}

function placeInConfig({ config: file }: Pick<WhoamiFlags, 'config'>, env: NodeJS.ProcessEnv, io: Io) {
  const { config, problems } = loadConfig({
    flags: { config: file },
    env,
    readFile: (path) => readFileSync(path, 'utf8'),
  })
  for (const problem of problems) io.complain(formatConfigProblem(problem))
  return config === null ? null : listenerToAsk(config)
}

/** The first listener that anyone may ask: one that is told addresses wants to be told them. */
export function listenerToAsk({ listeners }: Pick<ServerConfig, 'listeners'>): PagePlace | null {
  const listener = listeners.find(({ clientAddress }) => clientAddress !== 'proxy-protocol') ?? null
  if (listener === null) return null
  const { address, tls } = listener
  return { host: loopbackOf(address.address.text), port: address.port, tls: tls !== null }
}
