/**
 * Code run inside a thread of a running Landline, by Node's own debugger: the honest way to make a thread fail that the
 * product leaves no door to. The process has to be started with NODE_OPTIONS=--inspect=127.0.0.1:0.
 */
import { waitFor } from './landline.ts'

interface Message {
  readonly method?: string
  readonly params?: { readonly sessionId?: string; readonly workerInfo?: { readonly title?: string } }
}

export interface Debugger {
  /** The threads that run now, by title. */
  readonly threads: () => readonly string[]
  /** Runs the code there and does not wait for it. */
  readonly run: (thread: string, code: string) => void
  readonly close: () => void
}

/** `url`: as the process says it on standard error. */
export async function attach(url: string): Promise<Debugger> {
  const socket = new WebSocket(url)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  const sessions = new Map<string, string>()
  socket.addEventListener('message', ({ data }) => {
    const { method, params } = JSON.parse(String(data)) as Message // the protocol's form
    const { sessionId = '', workerInfo } = params ?? {}
    if (method === 'NodeWorker.attachedToWorker') sessions.set(workerInfo?.title ?? '', sessionId)
    if (method === 'NodeWorker.detachedFromWorker')
      for (const [title, id] of sessions) if (id === sessionId) sessions.delete(title)
  })
  let asked = 0
  const send = (method: string, params: object) => socket.send(JSON.stringify({ id: ++asked, method, params }))
  send('NodeWorker.enable', { waitForDebuggerOnStart: false })
  await waitFor('threads to be found', () => sessions.size > 0)
  return {
    threads: () => [...sessions.keys()],
    run(thread, expression) {
      const message = JSON.stringify({ id: ++asked, method: 'Runtime.evaluate', params: { expression } })
      send('NodeWorker.sendMessageToWorker', { sessionId: sessions.get(thread), message })
    },
    close: () => socket.close(),
  }
}
