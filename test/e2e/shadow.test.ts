/** `serve --shadow`, as its users run it: real requests, the record, the metrics, reloads, and a bad file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LOOPBACK, origin, readSeries, run, scratch, start, startAndFail, waitFor } from './landline.ts'

const rules = (name: string, action: string) => `version: 1
name: ${name}
unknown_clients: refuse
segments: { desks: { medium: wired, prefixes: [127.0.0.1] } }
services: { meet: { name: Meet, category: meeting, hosts: [localhost] } }
rules: [{ id: ${name}-rule, service: meet, action: ${action} }]
`

t.test('a shadow is judged, told, reloaded, and never acts', async (t) => {
  const web = await origin(t, (_request, response) => response.end('reached'))
  const dir = scratch(t)
  const next = join(dir, 'next.yaml')
  writeFileSync(next, rules('next', 'block'))
  const landline = await start(t, {
    dir,
    rules: rules('now', 'log'),
    config: LOOPBACK,
    flags: ['--shadow', 'next.yaml'],
  })
  const status = async () => {
    const args = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-x', `http://127.0.0.1:${landline.port}`]
    return (await run('curl', [...args, `http://localhost:${web.port}/`])).out
  }
  const differences = (other: string) =>
    `landline_shadow_differences_total{segment="desks",service="meet",action="log",shadow_action="${other}"}`
  t.equal(await status(), '200', 'the rules in force decide')
  t.equal(await landline.metric(differences('block')), 1)
  const info = async () =>
    [...(await readSeries(landline.adminPort)).keys()].filter((name) => name.includes('shadow_info'))
  const [first = ''] = await info()
  t.match(first, /landline_shadow_info\{name="next",revision="sha256:[0-9a-f]{64}"\}/)

  writeFileSync(next, rules('next', 'allow'))
  landline.process.kill('SIGHUP')
  await landline.waitForLog('shadow rules reloaded')
  t.equal(await status(), '200')
  const series = await readSeries(landline.adminPort)
  t.same([series.get(differences('block')), series.get(differences('allow'))], [undefined, 1], 'counted anew')

  writeFileSync(next, 'version: 1\nnope: 2\n')
  await landline.waitForLog('shadow rules refused')
  t.equal(await landline.metric('landline_shadow_last_reload_successful'), 0)
  t.equal(await landline.metric('landline_rules_last_reload_successful'), 1, 'which is not the rules’ affair')
  t.equal((await fetch(`http://127.0.0.1:${landline.adminPort}/readyz`)).status, 200)
  t.equal(await status(), '200')
  await waitFor('the third difference', async () => (await landline.metric(differences('allow'))) === 2)
  t.equal(await landline.stop(), 0)

  const told = landline
    .records()
    .map(({ event, landline: own }) => ({ action: event.action, shadow: own.shadow ?? null }))
  t.match(
    told.filter(({ action }) => action === 'log'),
    [
      { shadow: { action: 'block', rule: 'next-rule', revision: /^sha256:/ } },
      { shadow: { action: 'allow', rule: 'next-rule' } },
      { shadow: { action: 'allow', rule: 'next-rule' } },
    ],
  )
  const actions = told.map(({ action }) => action)
  t.equal(actions.filter((action) => action === 'shadow-reload').length, 1)
  t.equal(actions.filter((action) => action === 'shadow-reload-failed').length, 1)
  const good = landline.records().find(({ event }) => event.action === 'start')?.rule?.version
  const again = await start(t, { dir, rules: 'nonsense' })
  t.equal(
    again.records().find(({ event, rule }) => event.action === 'start' && rule !== undefined)?.rule?.version,
    good,
    'the last good rules are never a shadow',
  )
  t.match(
    again.log().find(({ msg }) => String(msg).startsWith('landline listens')),
    { rules: 'now' },
  )
  await again.stop()
})

t.test('one that cannot be archived keeps no process from its end', async (t) => {
  const dir = scratch(t)
  mkdirSync(join(dir, 'data', 'audit'), { recursive: true })
  writeFileSync(join(dir, 'data', 'audit', 'rules'), 'not a folder')
  writeFileSync(join(dir, 'next.yaml'), rules('next', 'block'))
  const landline = await start(t, { dir, rules: rules('now', 'log'), flags: ['--shadow', 'next.yaml'] })
  await landline.waitForLog('archiving the shadow: not now')
  t.equal(await landline.stop(), 0)
})

t.test('a bad shadow refuses the start, and is named', async (t) => {
  const dir = scratch(t)
  writeFileSync(join(dir, 'bad.yaml'), 'version: 1\nnope: 2\n')
  for (const [file, line] of [
    ['bad.yaml', /^bad\.yaml:2:1: error: /m],
    ['missing.yaml', /missing\.yaml.*could not be read/],
  ] as const) {
    const { code, errors } = await startAndFail(t, { dir, rules: rules('now', 'log'), flags: ['--shadow', file] })
    t.equal(code, 1)
    t.match(errors, `the shadow ${file} is refused:`)
    t.match(errors, line)
  }
})
