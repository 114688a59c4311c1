/** A thread that reads, compiles and tests one candidate, and ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { assemble } from '../../rules/assemble.ts'
import { readHere } from './candidate.ts'
import type { CandidateOrder, PackedCandidate } from './read-candidate.ts'

const { before, now, ...options } = workerData as CandidateOrder // as read-candidate.ts gives it
const { policy, ...rest } = await readHere({ ...options, now: () => now }, before && assemble(before))
parentPort?.postMessage({ ...rest, policy: policy?.blueprint ?? null } satisfies PackedCandidate)
