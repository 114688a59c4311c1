/** Landline in the comparison: as it is deployed, with all that it does by default, and a folder for its records. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { freePort } from '../../test/ports.ts'
import { type Contender, startProgram } from './contender.ts'
import { POLICY_ENTRIES, ruleFiles } from './policy.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'cli', 'main.ts')

export interface LandlineOptions {
  /** Prefixes, and as many names. */
  readonly entries?: number
  readonly workers?: number
  /** Where Node.js is to leave a profile of its processor time; null: nowhere. */
  readonly profile?: string | null
}

export function landline({ entries = POLICY_ENTRIES, workers = 1, profile = null }: LandlineOptions = {}): Contender {
  return {
    name: 'Landline',
    version: `${packageJson.version}, Node.js ${process.versions.node}`,
    remedy: '',
    set:
      'the policy as segments and services of its own beside the built-in catalogue; metrics; ClientHellos judged; ' +
      'each denial a chained, signed record, synced to the disk before its answer; the operator’s log in a file',
    denies: true,
    tunnels: true,
    async start({ dir, place }) {
      const port = await freePort()
      for (const [name, text] of Object.entries(ruleFiles(entries))) writeFileSync(join(dir, name), text)
      writeFileSync(
        join(dir, 'landline.yaml'),
        `listeners: [{ address: "127.0.0.1:${port}" }]
admin: { address: "127.0.0.1:0" }
workers: ${workers}
origins: { allow: [127.0.0.0/8], connect_ports: ["1-65535"] }
limits: { tunnels_per_client: 20000 }
`,
      )
      const flags = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
      return startProgram({ dir, place, port, command: [process.execPath, ...flags, MAIN, 'serve'] })
    },
  }
}
