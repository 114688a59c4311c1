/** Small files that are there whole or not at all, also after a power cut. */
import { open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { FILE_MODE, realDisk } from './disk.ts'

/** The end of the name under which a file is written before it gets its own. */
export const ASIDE = '.tmp'

/** Written aside, synced, renamed, the folder synced. Rejects with the system's error; then the file is as it was before, or the new one, which a power cut may undo. */
export async function replaceFile(folder: string, name: string, content: string | Uint8Array): Promise<void> {
  const aside = join(folder, `${name}${ASIDE}`)
  try {
    const file = await open(aside, 'w', FILE_MODE)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    // Half a file would take the room that a full disk lacks.
    await unlink(aside).catch(() => {})
    throw error
  }
  await rename(aside, join(folder, name))
  await realDisk.syncFolder(folder)
}
