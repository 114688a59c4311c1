/** Which tallies no record of the log names yet: after a crash, the newest. */
import { readSegment } from '../read.ts'
import { listSegments } from '../segment.ts'
import { parseRecord } from '../stamp.ts'
import { listTallies, type TallyFile } from './file.ts'

const NAMING = Buffer.from('"action":"tally"')

/** Files are named in the order in which they were begun: what is older than a named one is named too, and the log need not be read whole. */
export async function unsealedTallies(dir: string): Promise<TallyFile[]> {
  const files = await listTallies(dir)
  const named = files.length === 0 ? new Set<string>() : await newestNamed(dir)
  const oldest = [...named].sort()[0] ?? ''
  return files.filter(({ plainName }) => plainName >= oldest && !named.has(plainName))
}

/** From the newest segment back, those that the first segment names that names any. */
async function newestNamed(dir: string): Promise<ReadonlySet<string>> {
  const named = new Set<string>()
  for (const segment of (await listSegments(dir)).reverse()) {
    for await (const lines of readSegment(segment)) {
      for (const { bytes } of lines) {
        const record = bytes.includes(NAMING) ? parseRecord(bytes) : null
        const file = record?.event.action === 'tally' ? record.landline.facts?.file : null
        if (typeof file === 'string') named.add(file)
      }
    }
    if (named.size > 0) break
  }
  return named
}
