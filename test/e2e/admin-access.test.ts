/** The admin port as operators meet it: users made by the command, TLS, curl, wrong passwords, a changed users file. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { missing, peer } from '../peers.ts'
import { freePort } from '../ports.ts'
import { makeCertificate } from './certificate.ts'
import { command, LOOPBACK, run, scratch, start, startAndFail, waitFor } from './landline.ts'

const PASSWORD = 'correct horse battery'
const curl = peer('curl', 'curl')
const script = peer('script', 'script')
const openssl = peer('OpenSSL', 'openssl')

async function usersFile(dir: string, ...users: readonly (readonly [name: string, role: string])[]): Promise<void> {
  const entries = await Promise.all(
    users.map(([name, role]) =>
      command(dir, ['admin', 'hash', '--name', name, '--role', role], `${PASSWORD} ${name}\n`),
    ),
  )
  writeFileSync(join(dir, 'users.yaml'), `users:\n${entries.map(({ out }) => out).join('')}`, { mode: 0o600 })
}

t.test('a hash is made of what is typed or piped in, and of nothing that is too short', async (t) => {
  const dir = scratch(t)
  const made = await command(dir, ['admin', 'hash'], `${PASSWORD}\n`)
  t.match(made, { code: 0, out: /^\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+\n$/, errors: '' })
  t.match(await command(dir, ['admin', 'hash', '--name', 'anna', '--json'], `${PASSWORD}\n`), {
    code: 0,
    out: /"name": "anna",\s+"roles": \[\s+"operator"\s+\],\s+"hash": "\$argon2id/,
  })
  t.match(await command(dir, ['admin', 'hash'], 'short\n'), { code: 1, out: '', errors: /at least 12 characters/ })
  t.match(await command(dir, ['admin', 'hash', '--name', 'a', '--role', 'root'], PASSWORD), {
    code: 3,
    errors: /none of operator/,
  })
})

t.test(
  'the proxy is no way to its own admin port, whatever it may dial',
  { skip: curl ? false : missing('curl') },
  async (t) => {
    const port = await freePort()
    const landline = await start(t, { config: LOOPBACK, flags: ['--admin', `127.0.0.1:${port}`] })
    t.equal(landline.adminPort, port)
    const through = async (...args: readonly string[]) => {
      const code = '%{http_code} %{http_connect}'
      const words = ['-sS', '-x', `http://127.0.0.1:${landline.port}`, '-o', '/dev/null', '-w', code, ...args]
      return (await run(curl ?? '', words)).out
    }
    t.equal(await through(`http://127.0.0.1:${port}/metrics`), '502 000')
    t.equal(await through('-p', `http://127.0.0.1:${port}/metrics`), '000 502')
    t.match(landline.records().slice(-2), [{ event: { action: 'refuse' } }, { event: { action: 'refuse' } }])
  },
)

t.test(
  'over TLS, with curl and with the command',
  { skip: curl && openssl ? false : missing('curl or OpenSSL') },
  async (t) => {
    const dir = scratch(t)
    const { file } = await makeCertificate(dir, openssl ?? '')
    await usersFile(dir, ['anna', 'operator'], ['otto', 'auditor'])
    const settings = 'admin: { users: users.yaml, tls: { cert: origin.crt, key: origin.key } }\n'
    const landline = await start(t, { dir, config: settings })
    const url = `https://127.0.0.1:${landline.adminPort}`
    const ask = async (path: string, ...args: readonly string[]) => {
      const { out, code } = await run(curl ?? '', [
        '-sS',
        '--cacert',
        file,
        '-w',
        '\n%{http_code}',
        ...args,
        `${url}${path}`,
      ])
      return code === 0 ? `${out.split('\n').at(-1)} ${out.split('\n')[0]}` : `exit ${code}`
    }
    t.match(await ask('/livez'), /^200 ok$/)
    t.match(await ask('/api/v1/status'), /^401 .*needs a user/)
    t.match(await ask('/api/v1/status', '-u', `anna:${PASSWORD} anna`), /^200 {"name":"landline-1","version":/)
    t.match(await ask('/api/v1/status', '-u', 'anna:my-other-password'), /^401 .*wrong/)
    t.match(await ask('/api/v1/status', '-u', 'typed-password-here:x'), /^401 .*wrong/)
    t.match(await ask('/api/v1/nothing', '-u', `otto:${PASSWORD} otto`), /^404 /)
    t.match(
      await run(curl ?? '', ['-sS', `http://127.0.0.1:${landline.adminPort}/livez`]),
      { code: /^(52|56|1)$/ },
      'no plain HTTP',
    )
    t.equal((await run(curl ?? '', ['-sS', '--tls-max', '1.1', '-k', `${url}/livez`])).code, 35, 'no old TLS')

    writeFileSync(join(dir, 'password'), `${PASSWORD} anna\n`)
    const status = (...args: readonly string[]) => command(dir, ['admin', 'status', ...args])
    const known = ['--admin', url, '--password-file', 'password']
    t.match(await status(...known, '--user', 'anna', '--ca', file), { code: 0, out: /^landline-1: serving, / })
    t.match(
      await status(...known, '--user', 'anna'),
      { code: 1, errors: /nobody known vouches for its certificate; name who does with --ca FILE/ },
      'nobody vouches for it',
    )
    t.match(await status(...known, '--user', 'otto', '--ca', file), { code: 1, errors: /user or password is wrong/ })
    const plain = await status('--admin', url.replace('https', 'http'), '--password-file', 'password', '--user', 'anna')
    t.match(plain, { code: 1, errors: /it hung up; where it speaks TLS \(admin\.tls\), write https:/ })
    t.match(await status(...known, '--ca', file), { code: 3, errors: /LANDLINE_ADMIN_USER/ })
    t.match(await status('--user', 'anna', '--admin', '192.0.2.1:3129'), { code: 3, errors: /in the clear/ })
    writeFileSync(
      join(dir, 'there.yaml'),
      `${settings.replace('{ users', `{ address: "127.0.0.1:${landline.adminPort}", users`)}`,
    )
    const byFile = await status('--config', 'there.yaml', '--user', 'anna', '--password-file', 'password')
    t.match(byFile, { code: 0 }, 'the server file says where it is, and which certificate is right')

    const failures = landline.records().filter(({ event }) => event.action === 'login-failed')
    t.match(failures, [
      { source: { ip: '127.0.0.1' }, landline: { facts: { user: 'anna', count: 1 } } },
      { source: { ip: '127.0.0.1' }, landline: { facts: { user: null, count: 1 } } },
      { source: { ip: '127.0.0.1' }, landline: { facts: { user: 'otto', count: 1 } } },
    ])
    t.equal(await landline.stop(), 0)
    const audit = join(dir, 'data', 'audit')
    const kept = readdirSync(audit, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.jsonl?$/.test(name))
      .map((name) => readFileSync(join(audit, name), 'utf8'))
    const written = kept.join('') + JSON.stringify(landline.log())
    t.notMatch(
      written,
      /battery|my-other-password|typed-password-here|argon2id/,
      'no password, tried or right, is kept anywhere',
    )
  },
)

t.test('users come and go while it runs; a bad file changes nothing', async (t) => {
  const dir = scratch(t)
  await usersFile(dir, ['anna', 'operator'])
  const landline = await start(t, { dir, config: 'admin: { users: users.yaml }\n' })
  const as = async (name: string) => {
    const authorization = `Basic ${Buffer.from(`${name}:${PASSWORD} ${name}`).toString('base64')}`
    return (await fetch(`http://127.0.0.1:${landline.adminPort}/api/v1/status`, { headers: { authorization } })).status
  }
  t.equal(await as('anna'), 200)
  await usersFile(dir, ['otto', 'auditor'])
  landline.process.kill('SIGHUP')
  await landline.waitForLog('the users file was read again')
  t.equal(await as('anna'), 401, 'also where the log-in was known')
  t.equal(await as('otto'), 200)
  writeFileSync(join(dir, 'users.yaml'), 'users: [')
  await landline.waitForLog('the users file is refused')
  t.equal(await as('otto'), 200)
  chmodSync(join(dir, 'users.yaml'), 0o666)
  await usersFile(dir, ['otto', 'auditor'])
  await waitFor('a file that all may write to be refused', () =>
    JSON.stringify(landline.log()).includes('can be written by everybody'),
  )
})

t.test('a password that is typed is not shown', { skip: script ? false : missing('script') }, async (t) => {
  const main = join(import.meta.dirname, '..', '..', 'cli', 'main.ts')
  const child = spawn(script ?? '', ['-qec', `${process.execPath} ${main} admin hash`, '/dev/null'], {
    cwd: scratch(t),
  })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = once(child, 'close')
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  await waitFor('the first prompt', () => shown.includes('Password: '))
  child.stdin.write('correct horsf\u007fe battery\r')
  await waitFor('the second prompt', () => shown.includes('Again: '))
  child.stdin.write('correct horse battery\r')
  t.strictSame(await ended, [0, null])
  t.match(shown, /^Password: \s+Again: \s+\$argon2id\$\S+\s+$/)
})

t.test('what cannot be used refuses the start', async (t) => {
  const dir = scratch(t)
  const cases: readonly (readonly [name: string, text: string | null, config: string, want: RegExp])[] = [
    ['no file', null, 'admin: { users: users.yaml }', /admin\.users: \S*users\.yaml cannot be read: ENOENT/],
    ['a bad file', 'users: 1', 'admin: { users: users.yaml }', /users\.yaml:1:8: error: users is no list/],
    ['no certificate', null, 'admin: { tls: { cert: a.crt, key: a.key } }', /admin\.tls: ENOENT/],
    [
      'no certificate in it',
      'users: []',
      'admin: { tls: { cert: users.yaml, key: users.yaml } }',
      /admin\.tls: .*(?:PEM|pem|no start line)/,
    ],
  ]
  for (const [name, text, config, want] of cases) {
    if (text !== null) writeFileSync(join(dir, 'users.yaml'), text, { mode: 0o600 })
    writeFileSync(join(dir, 'landline.yaml'), config)
    t.match(await startAndFail(t, { dir }), { code: 1, errors: want }, name)
  }
})
