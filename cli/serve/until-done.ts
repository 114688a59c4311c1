/** Work that must be done and cannot be now, such as a record of the start while the disk is full: it is tried again. */
const AGAIN_MS = 1000

interface Log {
  error(fields: object, message: string): void
  info(fields: object, message: string): void
}

/** Tries once, and then again until it is done or the function that it resolves with is called. Never rejects. */
export async function untilDone(what: string, work: () => Promise<unknown>, log: Log): Promise<() => void> {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let failures = 0
  const attempt = async () => {
    try {
      await work()
      if (failures > 0) log.info({ failures }, `${what}: done after all`)
    } catch (error) {
      if (failures++ === 0) log.error({ err: error }, `${what}: not now, it is tried again`)
      // Unreferenced: what cannot be done must not keep the process running.
      if (!stopped) timer = setTimeout(() => void attempt(), AGAIN_MS).unref()
    }
  }
  await attempt()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
