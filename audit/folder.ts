/**
 * Folders that are made where they are missing, and synced into what holds them: what lies in a folder that a power cut undoes
 * would be lost whole.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { realDisk } from './disk.ts'

/** A file by that name is no folder: EEXIST. */
export async function makeFolder(path: string, mode: number): Promise<void> {
  for (const folder of missingFolders(path)) {
    await mkdir(folder, { mode })
    await realDisk.syncFolder(dirname(folder))
  }
  await mkdir(path, { recursive: true })
}

/** For those who need it at once. */
export function makeFolderSync(path: string, mode: number): void {
  for (const folder of missingFolders(path)) {
    mkdirSync(folder, { mode })
    syncFolder(dirname(folder))
  }
  mkdirSync(path, { recursive: true })
}

/**
 * To be made one by one: told to make all of them, Node.js tries for ever where a file system says ENOENT to it, as /proc does,
 * or where the path is relative and the working directory is gone.
 */
function missingFolders(path: string): readonly string[] {
  const missing: string[] = []
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder)
  return missing
}

/** After this a file made or renamed in the folder is so after a power cut too. */
export function syncFolder(path: string): void {
  const opened = openSync(path, 'r')
  fsyncSync(opened)
  closeSync(opened)
}
