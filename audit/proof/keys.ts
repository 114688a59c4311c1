/** The key that signs checkpoints: Ed25519, PKCS #8 in a PEM file that only its owner may read, never in the log's own folder. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { AuditError, errorName } from '../error.ts'
import { makeFolderSync } from '../folder.ts'
import { keyName, type SigningKey, verifierKey } from './note.ts'

export const KEY_MODE = 0o600
export const KEY_FOLDER_MODE = 0o700

export interface LoadedKey {
  readonly key: SigningKey
  /** There was none. */
  readonly made: boolean
  /** Others on this machine can read the file. */
  readonly exposed: boolean
}

/** The key of the file, made where there is none. Throws ERR_AUDIT_KEY, also where the file would lie inside `auditDir` (null: not known). */
export function loadKey(path: string, observer: string, auditDir: string | null): LoadedKey {
  if (auditDir !== null && isInside(path, auditDir)) throw insideLog(path, auditDir)
  const made = makeKey(path)
  return { key: loadPrivateKey(path, observer), made, exposed: (statSync(path).mode & 0o077) !== 0 }
}

/** The key that the one in the file comes after: beside it, with `.old` behind its name. Throws ERR_AUDIT_KEY; null: there is none. */
export function loadPrevious(path: string, observer: string, auditDir: string): SigningKey | null {
  const old = `${path}.old`
  if (!existsSync(old)) return null
  if (isInside(old, auditDir)) throw insideLog(old, auditDir)
  return loadPrivateKey(old, observer)
}

/** A key that is there, under a name of its holder's. Throws ERR_AUDIT_KEY. */
export function loadPrivateKey(path: string, name: string): SigningKey {
  try {
    const privateKey = createPrivateKey(readFileSync(path))
    if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error(`it is of type ${privateKey.asymmetricKeyType}`)
    return signingKey(name, privateKey)
  } catch (cause) {
    const message = `The signing key ${path} cannot be used: ${errorName(cause)}. It must be an Ed25519 private key in PEM.`
    throw new AuditError('ERR_AUDIT_KEY', message, { cause })
  }
}

/** Whether there was none: one that is there is left as it is. */
function makeKey(path: string): boolean {
  const { privateKey } = generateKeyPairSync('ed25519')
  try {
    makeFolderSync(dirname(path), KEY_FOLDER_MODE)
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), {
      mode: KEY_MODE,
      flag: 'wx',
      flush: true,
    })
    return true
  } catch (cause) {
    if (errorName(cause) === 'EEXIST') return false
    throw new AuditError('ERR_AUDIT_KEY', `The signing key ${path} cannot be made: ${errorName(cause)}`, { cause })
  }
}

function insideLog(path: string, auditDir: string): AuditError {
  const message = `The signing key ${path} lies in the audit folder ${auditDir}: whoever copies the log would have it. Set audit.key to a path elsewhere.`
  return new AuditError('ERR_AUDIT_KEY', message)
}

function signingKey(observer: string, privateKey: KeyObject): SigningKey {
  return { verifier: verifierKey(keyName(observer), privateKey), privateKey }
}

/** Whether the path leads into the folder, through whatever links. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(realPath(folder), realPath(path))
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && resolve(way) !== way)
}

/** Through all links, as far as the path exists. */
function realPath(path: string): string {
  const full = resolve(path)
  try {
    return realpathSync(full)
  } catch {
    return dirname(full) === full ? full : join(realPath(dirname(full)), basename(full))
  }
}
