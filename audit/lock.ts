/**
 * One process writes an audit folder. The lock is the kernel's (SQLite's byte-range lock on an empty file), so that it holds
 * across containers that share the folder and is gone the moment its holder is, also after `kill -9`: it cannot go stale.
 * Node has no call for such a lock but through SQLite; a file with a process id in it means nothing in containers.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FILE_MODE } from './disk.ts'
import { AuditError } from './error.ts'

const LOCK = 'audit.lock'
/** Says who holds the lock, for people. Left behind when the holder did not stop in order. */
const HOLDER = 'audit.holder.json'
const SQLITE_BUSY = 5

export interface Holder {
  readonly pid: number
  readonly host: string
  /** ISO 8601. */
  readonly since: string
}

export interface FolderLock {
  /** Who wrote here last and did not stop in order; null after an orderly stop. */
  readonly crashed: Holder | null
  release(): void
}

/** Throws ERR_AUDIT_LOCKED while another process (or another log of this one) writes the folder, ERR_AUDIT_FOLDER where none can be taken. */
export function lockFolder(dir: string, now: number): FolderLock {
  const database = takeLock(dir)
  const path = join(dir, HOLDER)
  const crashed = readHolder(path)
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date(now).toISOString() }
  try {
    writeFileSync(path, `${JSON.stringify(holder)}\n`, { mode: FILE_MODE })
  } catch {
    // The lock holds without it: on a full disk only the name in another's error message is missing.
  }
  return {
    crashed,
    release() {
      rmSync(path, { force: true })
      database.close()
    },
  }
}

/** Whether a process on this machine writes the folder now; reads, and changes nothing. */
export function isLive(dir: string): boolean {
  const path = join(dir, LOCK)
  if (!existsSync(path)) return false
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 0 })
    database.exec('SELECT count(*) FROM sqlite_master')
    return false
  } catch (cause) {
    return cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY
  } finally {
    database?.close()
  }
}

function takeLock(dir: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(join(dir, LOCK), { timeout: 0 })
    // In memory: the lock must not need space on the disk.
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return database
  } catch (cause) {
    database?.close()
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
      const holder = readHolder(join(dir, HOLDER))
      const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host} since ${holder.since}`
      const message = `The audit folder ${dir} is written by ${who}. Stop that one, or give this proxy a folder of its own (audit.dir).`
      throw new AuditError('ERR_AUDIT_LOCKED', message, { cause })
    }
    const message = `The audit folder ${dir} cannot be locked. Its file ${LOCK} must be writable by this user.`
    throw new AuditError('ERR_AUDIT_FOLDER', message, { cause })
  }
}

function readHolder(path: string): Holder | null {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(path, 'utf8'))
    return typeof pid === 'number' && typeof host === 'string' && typeof since === 'string'
      ? { pid, host, since }
      : null
  } catch {
    return null
  }
}
