/** The admin port of a running proxy: its pages, and the calls of `/api/v1/` with what they act on. */
import { type ApiRoute, createApi } from '../../admin/api.ts'
import { createAuthenticator } from '../../admin/authentication.ts'
import { createFailedLogins } from '../../admin/failed-logins.ts'
import { type AdminOptions, createAdmin } from '../../admin/server.ts'
import type { Recorder } from '../../rules/events.ts'
import type { ServerConfig } from '../settings/settings.ts'
import type { AdminFiles } from './admin-files.ts'
import type { Log } from './operator-log.ts'

export interface AdminPortOptions extends Pick<AdminOptions, 'metrics' | 'ready' | 'pac'> {
  readonly config: ServerConfig
  readonly files: AdminFiles
  readonly routes: readonly ApiRoute[]
  readonly recorder: Recorder
  readonly now: () => number
  readonly log: Log
}

export interface AdminPort {
  /** Resolves with the port. */
  listen(): Promise<number>
  /** Puts on record what was only counted so far. */
  settle(): Promise<void>
  close(): Promise<void>
}

export function openAdminPort({ config, files, routes, recorder, now, log, ...pages }: AdminPortOptions): AdminPort {
  const withAddress = config.audit.privacy === 'plain'
  const failedLogins = createFailedLogins({ recorder, withAddress, log, now })
  const { users } = files
  const admin = createAdmin({
    ...pages,
    address: config.admin.address.text,
    allow: config.admin.allow,
    tls: files.tls,
    api: createApi({
      routes,
      authenticator: users === null ? null : createAuthenticator({ users, now }),
      failedLogins,
      insecureLogins: config.admin.insecureLogins,
    }),
    log,
  })
  let quiet = () => {}
  return {
    async listen() {
      const { port } = await admin.listen()
      quiet = files.watch((tls) => admin.useCertificate(tls))
      return port
    },
    settle: () => failedLogins.flush(),
    async close() {
      quiet()
      await admin.close()
      await failedLogins.flush()
    },
  }
}
