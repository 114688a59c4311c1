/** Files as they are read for rules: bounded, never waited for, and with what they looked like, so that a later look tells a change. */
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_CSV_LENGTH } from '../../rules/file/csv.ts'

/** More than the longest text that is taken, at three bytes a character; of a longer file only so much is read, which its reader then refuses. */
const MAX_BYTES = { csv: 3 * MAX_CSV_LENGTH + 1024, yaml: 16 * 1024 * 1024 }

/** What each file and folder looked like, by path. */
export type FileStates = ReadonlyMap<string, string>

/** The text; null where it cannot be had. `pipes`: whether something else than a file may be waited for, such as a shell's `<(…)`. */
export async function readText(
  path: string,
  pipes: 'wait' | 'refuse',
  form: keyof typeof MAX_BYTES = path.endsWith('.csv') ? 'csv' : 'yaml',
): Promise<string | null> {
  try {
    const found = await stat(path)
    if (!found.isFile() && (pipes === 'refuse' || found.isDirectory())) return null
    const most = MAX_BYTES[form]
    return found.size > most ? await readFirst(path, most) : await readFile(path, 'utf8')
  } catch {
    return null
  }
}

async function readFirst(path: string, bytes: number): Promise<string> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(bytes), 0, bytes, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

/** Differs when the file was replaced, written to, or reached by another link; a folder's, when it has other YAML files. */
export async function stateOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  if (found === null) return 'absent'
  if (found.isDirectory()) return `folder ${(await yamlNamesIn(path)).join(' ')}`
  // The change time too: a copy may bring its own modification time along.
  return `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`
}

export async function statesOf(paths: Iterable<string>): Promise<FileStates> {
  return new Map(await Promise.all([...paths].map(async (path) => [path, await stateOf(path)] as const)))
}

export function sameStates(x: FileStates, y: FileStates): boolean {
  return x.size === y.size && [...x].every(([path, state]) => y.get(path) === state)
}

/** Sorted; no folder is one without files. */
export async function yamlNamesIn(dir: string): Promise<readonly string[]> {
  const names = await readdir(dir).catch(() => [])
  return names.filter((name) => name.endsWith('.yaml')).sort()
}

/** The folder and its YAML files, for `statesOf`. */
export async function yamlPathsIn(dir: string): Promise<readonly string[]> {
  return [dir, ...(await yamlNamesIn(dir)).map((name) => join(dir, name))]
}
