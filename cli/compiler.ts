/**
 * Which of V8's compilers work for the proxy. The middle one, Maglev, is left out: of what its code makes for a connection, much
 * outlives the connection by some collections, and is moved by each of them. Without it a request costs about one tenth less
 * processor time once the proxy is warm (`npm run bench`), and the last compiler takes over all the same.
 */
import { setFlagsFromString } from 'node:v8'

/** Holds for all threads of the process, for what is compiled from now on. */
export function chooseCompilers(): void {
  setFlagsFromString('--no-maglev')
}
