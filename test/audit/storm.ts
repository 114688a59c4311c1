/**
 * A process of its own for the tests that need a real crash: records denials from 32 callers, and prints each reference once
 * its record is safe. Arguments: the folder, then `fsync` or `write`, then the key that signs the log, if one does.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { openAudit } from '../../audit/audit.ts'
import { loadKey } from '../../audit/proof/keys.ts'
import { denial } from './helpers.ts'

/** Starts the storm; resolves once it has acknowledged `count` records, with what it printed so far and from then on. */
export async function storm(
  dir: string,
  sync: string,
  count: number,
  keyFile = '',
): Promise<{ child: ChildProcess; printed: string[]; ended: Promise<void> }> {
  const child = spawn(process.execPath, [import.meta.filename, dir, sync, keyFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
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

async function run(): Promise<void> {
  const ignore = () => {}
  const [, , dir = '', sync = 'fsync', keyFile = ''] = process.argv
  const key = keyFile === '' ? null : loadKey(keyFile, 'landline-1', dir).key
  // Signs all the time: most kills meet a checkpoint.
  const evidence = key && { key, records: 3, seconds: 1, treeSize: ignore, checkpointed: ignore }
  const audit = await openAudit({
    dir,
    sync: sync === 'write' ? 'write' : 'fsync',
    ...(evidence && { evidence }),
    onFailure: 'block',
    observer: { name: 'landline-1', version: '1.0.0' },
    repeatSeconds: 0,
    segmentBytes: 200_000,
    now: Date.now,
    meter: { recorded: ignore, writeFailed: ignore, queued: ignore, synced: ignore, diskFree: ignore },
    log: ignore,
  }).catch((error) => {
    writeSync(1, `${error.code}: ${error.message}\n`)
    process.exit(1)
  })

  async function call(caller: number): Promise<never> {
    // Written synchronously: what the parent reads had been acknowledged before the kill.
    for (let n = 0; ; n++) writeSync(1, `${await audit.record(denial(caller * 1_000_000 + n))}\n`)
  }
  await Promise.all(Array.from({ length: 32 }, (_, caller) => call(caller)))
}

if (import.meta.main) await run()
