/** The image's health check: asks /readyz of the admin port that this configuration names. Exit code 0 when it is ready, else 1. */
import { readFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { formatConfigProblem, loadConfig } from './settings/config.ts'
import { loopbackOf, type SocketAddress } from './settings/values.ts'

const TIMEOUT_MS = 4000

const { config, problems } = loadConfig({
  flags: {},
  env: process.env,
  readFile: (path) => readFileSync(path, 'utf8'),
})
process.exitCode = 1
if (config === null) for (const problem of problems) console.error(formatConfigProblem(problem))
else ask(config.admin.address, config.admin.tls !== null)

function ask({ address, port }: SocketAddress, isTls: boolean): void {
  const options = {
    host: loopbackOf(address.text),
    port,
    path: '/readyz',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    // It asks itself, by an address that the certificate need not name.
    rejectUnauthorized: false,
  }
  const request = (isTls ? requestHttps : requestHttp)(options, (response) => {
    response.resume()
    if (response.statusCode === 200) process.exitCode = 0
    else console.error(`/readyz answered ${response.statusCode}`)
  })
  request.on('error', (error) => console.error(`/readyz: ${error.message}`))
  request.end()
}
