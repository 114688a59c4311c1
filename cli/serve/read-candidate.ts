/**
 * Where a candidate is read and compiled. A hundred thousand prefixes and names take seconds, and half a gigabyte on the way:
 * a thread of its own does that, so that no client waits, and gives the memory back when it ends.
 */
import { Worker } from 'node:worker_threads'
import { assemble } from '../../rules/assemble.ts'
import type { Blueprint } from '../../rules/blueprint.ts'
import type { Policy } from '../../rules/policy.ts'
import { isAtMost } from '../rules/load.ts'
import { type Candidate, type CandidateOptions, readHere } from './candidate.ts'
import { giveBackLater } from './give-back.ts'

/** Up to so many characters, the rules are read sooner than a thread starts. */
const SMALL = 128 * 1024

const ENTRY = new URL('./candidate-thread.ts', import.meta.url)

/** What the thread is started with. */
export interface CandidateOrder extends Omit<CandidateOptions, 'now'> {
  readonly now: number
  readonly before: Blueprint | null
}

/** What it says before it ends: of the policy, what it is made from. */
export interface PackedCandidate extends Omit<Candidate, 'policy'> {
  readonly policy: Blueprint | null
}

/** Read, compile and test; nothing is in force by this. `before`: what the changes are told from. */
export async function readCandidate(options: CandidateOptions, before: Policy | null = null): Promise<Candidate> {
  if (await isAtMost(options.main, SMALL)) return readHere(options, before)
  const { main, catalogueDir, monitor, now } = options
  const order = { main, catalogueDir, monitor, now: now(), before: before?.blueprint ?? null }
  const { policy, ...rest } = await readElsewhere(order)
  return { ...rest, policy: policy && assemble(policy) }
}

/** Rejects where the thread ends without an answer, such as for want of memory. */
async function readElsewhere(order: CandidateOrder): Promise<PackedCandidate> {
  const worker = new Worker(ENTRY, { workerData: order, name: 'landline-rules' })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => {
      giveBackLater()
      reject(new Error('the thread that reads the rules has ended without an answer'))
    })
  })
}
