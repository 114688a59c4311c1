/**
 * The few calls by which the log touches the disk, as an interface: so that a test can fill the disk, tear a write or
 * fail a sync where a real one would not on demand.
 */
import * as fs from 'node:fs'
import { promisify } from 'node:util'

/** An open log file. Every call rejects with the system's error. */
export interface DiskFile {
  /** In bytes. */
  size(): Promise<number>
  /** Fills `target` from `position`; resolves with the bytes read, fewer at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>
  /** Resolves with the bytes written, which may be fewer than asked for. */
  write(bytes: Uint8Array, position: number): Promise<number>
  datasync(): Promise<void>
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

export interface Disk {
  /** `new` makes the file where there is none, `existing` rejects with ENOENT. */
  open(path: string, kind: 'existing' | 'new'): Promise<DiskFile>
  remove(path: string): Promise<void>
  /** Takes the place of what is there under the new name. */
  rename(from: string, to: string): Promise<void>
  /** After this a file made, renamed or removed in the folder is so after a power cut too. */
  syncFolder(path: string): Promise<void>
  /** Free for an ordinary user, in bytes. */
  freeBytes(path: string): Promise<number>
}

/** Records hold personal data: the owner writes, the group (shippers, auditors) may read. */
export const FILE_MODE = 0o640
export const FOLDER_MODE = 0o750

const open = promisify(fs.open)
const close = promisify(fs.close)
const fsync = promisify(fs.fsync)
const fdatasync = promisify(fs.fdatasync)
const ftruncate = promisify(fs.ftruncate)
const fstat = promisify(fs.fstat)

/** File descriptors, not FileHandles: those cost several times the CPU on a path that every denial takes. */
export const realDisk: Disk = {
  async open(path, kind) {
    const flags = kind === 'new' ? fs.constants.O_RDWR | fs.constants.O_CREAT : fs.constants.O_RDWR
    return diskFile(await open(path, flags, FILE_MODE))
  },
  remove: fs.promises.unlink,
  rename: fs.promises.rename,
  async syncFolder(path) {
    const folder = await open(path, 'r')
    try {
      await fsync(folder)
    } finally {
      await close(folder)
    }
  },
  async freeBytes(path) {
    const { bavail, bsize } = await fs.promises.statfs(path)
    return bavail * bsize
  },
}

function diskFile(fd: number): DiskFile {
  return {
    size: async () => (await fstat(fd)).size,
    read: (target, position) =>
      new Promise((resolve, reject) => {
        fs.read(fd, target, 0, target.length, position, (error, count) => (error ? reject(error) : resolve(count)))
      }),
    write: (bytes, position) =>
      new Promise((resolve, reject) => {
        fs.write(fd, bytes, 0, bytes.length, position, (error, count) => (error ? reject(error) : resolve(count)))
      }),
    datasync: () => fdatasync(fd),
    truncate: (length) => ftruncate(fd, length),
    close: () => close(fd),
  }
}
