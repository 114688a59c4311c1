/**
 * `npm run bench`: Landline and its peers under the same loads, as ratios. `-- get100 connect` runs those scenarios alone,
 * `-- --quick` is short, and the name of a program beside this one (`-- tables decide`) runs that.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { chart } from './against/chart.ts'
import { runInOwnNetwork } from './against/network.ts'
import type { Report } from './against/report.ts'
import { resultsPage } from './against/results.ts'
import { PEERS, run } from './against/run.ts'
import { SCENARIOS } from './against/scenarios.ts'
import { reportInWords } from './against/table.ts'

const PROGRAMS = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== basename(import.meta.filename))
  .map((file) => file.slice(0, -'.ts'.length))

const USAGE = `usage: npm run bench -- [NAME…] [--quick] [--peers NAME,…] [--rounds N] [--seconds S] [--json FILE] [--results] [--profile DIR]

scenarios: ${SCENARIOS.join(' ')}
programs:  ${PROGRAMS.join(' ')}
peers:     ${Object.keys(PEERS).join(' ')} (those that are installed)

--profile leaves a profile of Landline's processor time in DIR, for Chromium's developer tools; figures are not to be trusted then.
Without a name: all scenarios, and bench/RESULTS.md and bench/results.svg are written, as they are with --results.
`
const USAGE_ERROR = 3
/** As a shell says of what SIGINT ended. */
const INTERRUPTED = 130

process.exitCode = await main()

async function main(): Promise<number> {
  const asked = parse()
  if (typeof asked === 'string') {
    console.error(`${asked}\n\n${USAGE}`)
    return USAGE_ERROR
  }
  if (asked.help) {
    console.log(USAGE)
    return 0
  }
  let code = 0
  for (const name of asked.programs) {
    console.log(`\n── ${name}`)
    const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], { stdio: 'inherit' })
    code ||= status === 0 ? 0 : 1
  }
  if (asked.scenarios.length === 0) return code
  if (process.platform !== 'linux') {
    console.error('The comparison needs Linux: processor time is read from /proc. The programs run anywhere.')
    return 1
  }
  return (await runInOwnNetwork()) ?? (await compareAll(asked))
}

type Asked = Exclude<ReturnType<typeof parse>, string>

async function compareAll({ scenarios, peers, rounds, seconds, json, profile, isForResults }: Asked): Promise<number> {
  const say = (line: string) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
  const date = new Date().toISOString().slice(0, 10)
  let isInterrupted = false
  process.once('SIGINT', () => {
    isInterrupted = true
  })
  const report = await run({ scenarios, peers, rounds, seconds, say, date, profile }).catch((error: unknown) => {
    if (isInterrupted) return null
    throw error
  })
  if (report === null) return INTERRUPTED
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  console.log(reportInWords(report))
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
  if (isForResults) writeResults(report)
  return 0
}

function writeResults(report: Report): void {
  const { machine, date, rounds, seconds, lines } = report
  const subtitle = `${machine}; ${date}; medians of ${rounds} rounds of ${seconds} s`
  writeFileSync(join(import.meta.dirname, 'results.svg'), chart(lines, subtitle))
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), resultsPage(report, 'results.svg'))
}

/** What was asked for, or what is wrong with it. */
function parse() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        peers: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        json: { type: 'string' },
        results: { type: 'boolean', default: false },
        profile: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    const { quick } = values
    const known = [...SCENARIOS, ...PROGRAMS]
    const wrong = positionals.filter((name) => !known.includes(name))
    if (wrong.length > 0) return `There is no ${wrong.join(', ')}.`
    const peers = values.peers?.split(',').filter((name) => name !== '') ?? (quick ? ['squid'] : Object.keys(PEERS))
    const strangers = peers.filter((name) => !(name in PEERS))
    if (strangers.length > 0) return `There is no peer ${strangers.join(', ')}.`
    const rounds = Number(values.rounds ?? (quick ? 5 : 21))
    const seconds = Number(values.seconds ?? 0.5)
    if (!(rounds >= 1) || !(seconds > 0)) return '--rounds and --seconds are numbers above 0.'
    return {
      help: values.help,
      programs: positionals.filter((name) => PROGRAMS.includes(name)),
      scenarios: positionals.length === 0 ? SCENARIOS : positionals.filter((name) => SCENARIOS.includes(name)),
      peers,
      rounds,
      seconds,
      json: values.json,
      profile: values.profile === undefined ? null : resolve(values.profile),
      isForResults: values.results || (positionals.length === 0 && !quick),
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
