/** Helm's chart and the manifests made from it: complete, restricted, true to the program. No Helm is needed to run this. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { loadConfig } from '../../cli/settings/config.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { command, scratch } from '../e2e/landline.ts'

const folder = join(import.meta.dirname, '..', '..', 'deploy')
const chart = join(folder, 'helm', 'landline')
const read = (...path: string[]) => readFileSync(join(folder, ...path), 'utf8')
const templates = readdirSync(join(chart, 'templates')).sort()
const textOf = (template: string) => readFileSync(join(chart, 'templates', template), 'utf8')
const values = parse(read('helm', 'landline', 'values.yaml'))
const schema = JSON.parse(read('helm', 'landline', 'values.schema.json'))
const plain = read('kubernetes', 'landline.yaml')
const manifests = parseAllDocuments(plain).map((document) => document.toJS())

/** The one of that kind, and of that name where there are several. */
function manifest(kind: string, name = 'landline') {
  const found = manifests.filter((each) => each.kind === kind && each.metadata.name === name)
  if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${name}`)
  return found[0]
}

function missing(path: string): never {
  throw new Error(`${path} is in no ConfigMap`)
}

/** Dotted paths of all that an object holds; maps that the user fills are leaves. */
function pathsOf(value: unknown, path: readonly string[] = []): readonly string[] {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || Object.keys(value).length === 0)
    return [path.join('.')]
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))
}

t.test('each value is used, documented by its default, and known to the schema', async (t) => {
  const used = new Set(
    templates.flatMap((name) => [...textOf(name).matchAll(/\.Values\.([A-Za-z.]+)/g)].map(([, path = '']) => path)),
  )
  // The one template that opens its section with `with`.
  for (const [, key] of textOf('networkpolicy.yaml').matchAll(/(?:if|with) \.([a-z]+)/g))
    used.add(`networkPolicy.${key}`)
  const covers = (path: string, other: string) => other === path || other.startsWith(`${path}.`)
  const given = pathsOf(values)
  const whole = new Set([...used].filter((path) => path !== 'networkPolicy'))
  for (const path of used)
    t.ok(
      given.some((each) => covers(path, each)),
      `${path} has a default`,
    )
  for (const path of given)
    t.ok(
      [...whole].some((each) => covers(each, path)),
      `${path} is used`,
    )
  const known = (path: readonly string[]): boolean => {
    let at = schema
    for (const key of path) at = at?.properties?.[key] ?? (at?.additionalProperties === false ? undefined : {})
    return at !== undefined
  }
  for (const path of given) t.ok(known(path.split('.')), `the schema knows ${path}`)
  for (const [name, { properties }] of Object.entries<{ properties?: object }>(schema.properties))
    if (name !== 'global')
      t.ok(name in values && Object.keys(properties ?? {}).every((key) => key in values[name]), name)
})

t.test('each template ends what it begins', async (t) => {
  for (const name of templates) {
    const words = [...textOf(name).matchAll(/\{\{-?\s*(if|with|range|define|end)\b/g)].map(([, word]) => word)
    t.equal(words.filter((word) => word === 'end').length * 2, words.length, name)
  }
})

t.test('what the chart takes from beside it is there', async (t) => {
  t.equal(read('helm', 'landline', 'files', 'prometheus-rules.yaml'), read('prometheus', 'rules.yaml'))
  const dashboards = readdirSync(join(chart, 'files', 'dashboards'))
  t.ok(dashboards.length >= 3 && dashboards.every((name) => name.endsWith('.json')), dashboards.join(' '))
  const { version, appVersion } = parse(read('helm', 'landline', 'Chart.yaml'))
  t.strictSame([version, appVersion], [packageJson.version, packageJson.version])
})

t.test('the manifests are those of this chart', async (t) => {
  const hash = createHash('sha256')
  const sources = [
    'Chart.yaml',
    'values.yaml',
    ...templates.filter((name) => name !== 'NOTES.txt').map((name) => `templates/${name}`),
  ]
  for (const source of sources) hash.update(readFileSync(join(chart, source)))
  hash.update(read('kubernetes', 'values.yaml'))
  t.match(
    plain,
    `# Chart: sha256:${hash.digest('hex')}`,
    'render them again, by the command in their first lines, and name this hash there',
  )
})

const workload = manifest('StatefulSet').spec
const pod = workload.template.spec
const [container] = pod.containers

t.test('pods keep to the restricted Pod Security Standard', async (t) => {
  t.match(pod.securityContext, { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } })
  t.strictSame(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  t.equal(pod.automountServiceAccountToken, false)
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) t.notOk(pod[key], key)
  const kinds = [...pod.volumes.flatMap(({ name, ...source }: { name: string }) => Object.keys(source))]
  t.ok(
    kinds.every((kind) => kind === 'configMap' || kind === 'secret'),
    kinds.join(' '),
  )
})

t.test('clients arrive with their addresses, and nodes may be emptied', async (t) => {
  t.match(manifest('Service').spec, {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    sessionAffinity: 'ClientIP',
  })
  t.match(manifest('PodDisruptionBudget').spec, { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' })
  const labels = workload.template.metadata.labels
  const selectors = [
    workload.selector.matchLabels,
    manifest('Service').spec.selector,
    manifest('Service', 'landline-admin').spec.selector,
    manifest('PodDisruptionBudget').spec.selector.matchLabels,
    manifest('NetworkPolicy').spec.podSelector.matchLabels,
    ...pod.topologySpreadConstraints.map(
      (each: { labelSelector: { matchLabels: object } }) => each.labelSelector.matchLabels,
    ),
  ]
  for (const selector of selectors) t.match(labels, selector)
  t.equal(workload.serviceName, 'landline-admin', 'the headless service, so that each replica has a name')
})

t.test('the admin port is for the monitoring alone', async (t) => {
  const { ingress, policyTypes } = manifest('NetworkPolicy').spec
  t.strictSame(policyTypes, ['Ingress'])
  const admin = ingress.filter(({ ports }: { ports: readonly { port: string }[] }) =>
    ports.some(({ port }) => port === 'admin'),
  )
  t.equal(admin.length, 1)
  t.match(admin[0].from, [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }])
})

t.test('Landline accepts its settings and rules, and has time to drain', async (t) => {
  const files = new Map<string, string>()
  for (const { name, configMap } of pod.volumes) {
    const mount = container.volumeMounts.find((each: { name: string }) => each.name === name).mountPath
    for (const [file, text] of Object.entries<string>(manifest('ConfigMap', configMap.name).data))
      files.set(`${mount}/${file}`, text)
  }
  const env = Object.fromEntries(
    container.env.map(({ name, value = 'landline-0' }: { name: string; value?: string }) => [name, value]),
  )
  const { config, problems } = loadConfig({ flags: {}, env, readFile: (path) => files.get(path) ?? missing(path) })
  t.strictSame(problems, [])
  t.match(config, { name: 'landline-0', rules: '/etc/landline/rules/rules.yaml', audit: { dir: '/data/audit' } })
  const ports = container.ports.map(({ containerPort }: { containerPort: number }) => containerPort)
  t.strictSame([config?.listeners[0]?.address.port, config?.admin.address.port], ports)
  const wait = Number(/(\d+) \* 1000/.exec(container.lifecycle.preStop.exec.command[2])?.[1]) * 1000
  t.ok(pod.terminationGracePeriodSeconds * 1000 > wait + (config?.limits.drainMs ?? Number.NaN))
  const dir = scratch(t)
  writeFileSync(join(dir, 'rules.yaml'), files.get(config?.rules ?? '') ?? '')
  const { code, out } = await command(dir, ['test', 'rules.yaml'])
  t.equal(code, 0, out)
})
