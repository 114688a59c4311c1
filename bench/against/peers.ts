/** The contenders that hold no policy: what a plain proxy costs, in C and in JavaScript. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { freePort } from '../../test/ports.ts'
import { type Contender, startProgram } from './contender.ts'
import { findProgram, versionOf } from './machine.ts'

const require = createRequire(import.meta.url)
const PROGRAMS = join(import.meta.dirname, 'programs')

export function tinyproxy(): Contender {
  const program = findProgram('tinyproxy')
  return {
    name: 'tinyproxy',
    version: program === null ? null : versionOf(program, '-v'),
    remedy: 'apt install tinyproxy',
    set: 'no policy; its log of connections; closes each connection after one answer, as it always does',
    denies: false,
    tunnels: true,
    async start({ dir, place }) {
      const port = await freePort()
      const file = join(dir, 'tinyproxy.conf')
      writeFileSync(
        file,
        `Port ${port}\nListen 127.0.0.1\nTimeout 600\nLogFile "${dir}/tinyproxy.log"\nLogLevel Connect\nMaxClients 5000\n`,
      )
      return startProgram({ dir, place, port, command: [program ?? '', '-d', '-c', file] })
    },
  }
}

/** A program of ours around a package from npm. */
function fromNpm(name: string, set: string, remedy: string): Contender {
  return {
    name,
    version: versionOfPackage(name),
    remedy,
    set,
    denies: false,
    tunnels: true,
    async start({ dir, place }) {
      const port = await freePort()
      const command = [process.execPath, join(PROGRAMS, `${name}.ts`), String(port)]
      return startProgram({ dir, place, port, command })
    },
  }
}

export function httpProxy(): Contender {
  return fromNpm(
    'http-proxy',
    'as `http-proxy-3`, with a pool of kept connections, and `node:net` for CONNECT; no policy, no log',
    'npm ci',
  )
}

export function proxyChain(): Contender {
  return fromNpm('proxy-chain', 'as it comes; no policy, no log', 'npm install --no-save proxy-chain')
}

function versionOfPackage(name: string): string | null {
  try {
    const main = require.resolve(name)
    const folder = main.slice(0, main.lastIndexOf(`node_modules/${name}/`))
    return require(join(folder, 'node_modules', name, 'package.json')).version
  } catch {
    return null
  }
}
