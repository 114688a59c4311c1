/** Two users of the admin port: otto, an auditor, and petra, the privacy officer. */
import { argon2Sync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const PASSWORD = 'correct horse battery'

/** As cheap a hash as the users file takes: what is tried here is not the password. */
export function usersFile(dir: string): void {
  const nonce = Buffer.from('somesaltsomesalt')
  const cheap = { message: PASSWORD, nonce, parallelism: 1, tagLength: 32, memory: 7168, passes: 1 }
  const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  const hash = `$argon2id$v=19$m=7168,t=1,p=1$${base64(nonce)}$${base64(argon2Sync('argon2id', cheap))}`
  const entries = ['{ name: otto, roles: [auditor]', '{ name: petra, roles: [privacy-officer]']
  const users = entries.map((entry) => `  - ${entry}, hash: "${hash}" }\n`).join('')
  writeFileSync(join(dir, 'users.yaml'), `users:\n${users}`, { mode: 0o600 })
  writeFileSync(join(dir, 'password'), `${PASSWORD}\n`)
}
