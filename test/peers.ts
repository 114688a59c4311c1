/** Programs of other people that some tests put beside Landline: Squid, HAProxy, curl, a browser. `.ci/run` installs them. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian keeps servers, which is not on everybody's PATH. */
const SERVER_FOLDERS = ['/usr/sbin', '/sbin']

/**
 * The path of `command`, or null where it is not installed: then the test says `{ skip: missing('Squid') }`. In CI (`CI=true`) a
 * missing peer is an error, so that no test is skipped there in silence.
 */
export function peer(name: string, command: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SERVER_FOLDERS]
  const found = folders.map((folder) => join(folder, command)).find(isExecutable)
  if (found === undefined && process.env.CI === 'true') throw new Error(`${missing(name)}: add it to .ci/run`)
  return found ?? null
}

/** The reason for skipping: `Squid is not installed`. */
export function missing(name: string): string {
  return `${name} is not installed`
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
