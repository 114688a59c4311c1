/** `landline audit keygen FILE`: a key that signs an audit log, made before the first start; or the public half of one that is there. */
import { AuditError } from '../../audit/error.ts'
import { loadKey } from '../../audit/proof/keys.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { DEFAULTS } from '../settings/settings.ts'

export interface AuditKeygenFlags {
  readonly file: string
  readonly name: string | undefined
  readonly json: boolean
}

/** Always 0. An existing key is left as it is. Throws UsageError where there is a file that holds no such key. */
export function auditKeygen({ file, name = DEFAULTS.name, json }: AuditKeygenFlags, io: Io): ExitCode {
  try {
    const { key, made } = loadKey(file, name, null)
    if (json) printJson(io, { file, made, key: key.verifier.text })
    else {
      io.complain(made ? `${file} was made: keep it, and keep it secret` : `${file} was there already; it is unchanged`)
      io.print(key.verifier.text)
    }
    return EXIT.fine
  } catch (error) {
    if (error instanceof AuditError) throw new UsageError(error.message)
    throw error
  }
}
