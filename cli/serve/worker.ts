/**
 * A thread that serves clients: listeners, connections and decisions of its own. What must be one for the whole proxy (records,
 * tallies, the operator's log) it asks of the main thread, which tells it what is in force and when to drain.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { stdSerializers } from 'pino'
import { TallyBook } from '../../audit/tallies/book.ts'
import { createReferences } from '../../audit/uuid.ts'
import { createTrafficMetrics } from '../../metrics/traffic.ts'
import type { ListenerOptions, ProxyLog } from '../../proxy/options.ts'
import { giveBackInQuietTimes } from './give-back.ts'
import { labelMetrics } from './label-metrics.ts'
import { unpack } from './packed-in-force.ts'
import { createLocalPlane, type Plane } from './plane.ts'
import type {
  Asked,
  FromWorker,
  Kind,
  LogLevel,
  Order,
  ToWorker,
  WorkerFailure,
  WorkerStart,
} from './worker-messages.ts'
import { WorkerRecorder } from './worker-recorder.ts'

/** How often allowed conferencing is handed over. */
const TALLY_MS = 1000

const port = parentPort
if (port === null) throw new Error('cli/serve/worker.ts runs as a thread of landline serve')
const send = (message: FromWorker) => port.postMessage(message)
const now = () => Date.now()

const { options, rules, shared } = workerData as WorkerStart // as worker-thread.ts gives it
let inForce = unpack(rules, null)
const metrics = createTrafficMetrics()
labelMetrics(inForce, metrics)
const recorder = new WorkerRecorder((events) => send({ kind: 'record', events: JSON.stringify(events) }))
const exchanges = createReferences()
const tallies = new TallyBook()
const tallying = setInterval(handOver, TALLY_MS)
let plane: Plane | null = null
giveBackInQuietTimes()

function open(listeners: readonly ListenerOptions[]): Plane {
  return createLocalPlane({
    ...options,
    listeners,
    shared,
    rules: inForce,
    recorder,
    observer: metrics,
    tallied: (rows) => rows.forEach((row) => void tallies.add(row)),
    log: logOf(),
    now,
    newId: () => exchanges.next(now()),
  })
}

port.on('message', (message: ToWorker) => {
  if (message.kind === 'recorded') recorder.recorded(message.outcomes)
  else void answer(message)
})

async function answer(order: Order): Promise<void> {
  const { ask } = order
  try {
    send({ kind: 'answer', ask, answer: await answerTo(order), failure: null })
  } catch (error) {
    send({ kind: 'answer', ask, answer: null, failure: failureOf(error) })
  }
}

async function answerTo({ kind, order }: Order): Promise<Asked[Kind]['answer']> {
  switch (kind) {
    case 'listen':
      plane = open(order.listeners)
      return plane.listen()
    case 'use':
      inForce = unpack(order, inForce)
      labelMetrics(inForce, metrics)
      await plane?.use(inForce)
      return null
    case 'rejudge':
      await plane?.rejudge(order.why)
      return null
    case 'drain':
      await plane?.drain()
      clearInterval(tallying)
      handOver()
      await recorder.settled()
      return null
    case 'families':
      return metrics.families()
    case 'look':
      return null
  }
}

function handOver(): void {
  if (!tallies.isEmpty) send({ kind: 'tallied', rows: tallies.take() })
}

/** Lines are written by the main thread alone, so that none is torn. An error becomes here what the log would make of it. */
function logOf(): ProxyLog {
  const at = (level: LogLevel) => (fields: object, message: string) => {
    const plain = 'err' in fields && fields.err instanceof Error ? { err: stdSerializers.err(fields.err) } : {}
    send({ kind: 'log', level, fields: { ...fields, ...plain }, message })
  }
  return { info: at('info'), warn: at('warn'), error: at('error') }
}

function failureOf(error: unknown): WorkerFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null
  return { message: error instanceof Error ? error.message : String(error), code }
}
