/** How much a test holds. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes of this thread's heap that are in use, once what has died is gone. */
export function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

/** The same, with what buffers have outside the heap. */
export function heldAfterCollection(): number {
  heapAfterCollection() // a buffer is given back by the collection after the one that found it dead
  return heapAfterCollection() + process.memoryUsage().arrayBuffers
}
