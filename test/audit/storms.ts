/** Starts and kills `storm.ts`, for the tests that need a real crash. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Starts the storm; resolves once it has acknowledged `count` records, with what it printed so far and from then on. */
export async function storm(
  dir: string,
  sync: string,
  count: number,
  keyFile = '',
): Promise<{ child: ChildProcess; printed: string[]; ended: Promise<void> }> {
  const script = join(import.meta.dirname, 'storm.ts')
  const child = spawn(process.execPath, [script, dir, sync, keyFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  const printed: string[] = []
  const enough = Promise.withResolvers<void>()
  const input = createInterface({ input: child.stdout })
  input.on('line', (line) => {
    printed.push(line)
    if (printed.length === count) enough.resolve()
  })
  const ended = new Promise<void>((resolve) => input.once('close', () => resolve()))
  await Promise.race([enough.promise, ended])
  return { child, printed, ended }
}
