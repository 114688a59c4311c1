/** The log, its checkpoints and its proofs, checked by a program of fifty lines that shares no code with Landline. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lookUp } from '../../audit/proof/look-up.ts'
import { formatInclusion } from '../../audit/proof/proof.ts'
import { missing, peer } from '../peers.ts'
import { DAY, newKey, writeSigned } from './evidence-helpers.ts'
import { NOON, readLog } from './helpers.ts'

const PROGRAM = join(import.meta.dirname, 'independent.py')
const python = peer('Python', 'python3')
const openssl = peer('OpenSSL', 'openssl')
const skip = python === null ? missing('Python') : openssl === null ? missing('OpenSSL') : false

t.test('an independent program finds the same chain, roots, signatures and proofs', { skip }, async (t) => {
  const root = t.testdir({ log: {} })
  const dir = join(root, 'log')
  const key = newKey()
  for (const day of [0, 1, 3])
    await writeSigned(dir, key, 9, { now: () => NOON + day * DAY, segmentBytes: 4000 }, { records: 4 })
  const { records, files } = readLog(dir)
  execFileSync('gzip', [join(dir, files[0] ?? '')])
  const proofs: string[] = []
  for (const sequence of [1, 2, 8, 17, records.length]) {
    const found = await lookUp(dir, records[sequence - 1].event.id, [])
    if (found?.proof == null) return t.fail(`record ${sequence} is not proven`)
    proofs.push(join(root, `proof-${sequence}.txt`))
    writeFileSync(proofs.at(-1) ?? '', formatInclusion(sequence, found.proof.hashes, found.proof.checkpoint))
  }
  const run = (vkey = key.verifier.text) =>
    spawnSync(python ?? '', [PROGRAM, dir, vkey, ...proofs], { encoding: 'utf8' })
  t.match(run(), { status: 0, stdout: /^chain \d+\ncheckpoints \d+\nproofs 5\n$/ })
  t.equal(run(newKey().verifier.text).status, 1, 'not by another key')
  const [proof = ''] = proofs
  const whole = readFileSync(proof, 'utf8')
  writeFileSync(proof, whole.replace('index 0', 'index 1'))
  t.equal(run().status, 1, 'not in another place')
  writeFileSync(proof, whole)
  const path = join(dir, files[1] ?? '')
  writeFileSync(path, readFileSync(path, 'utf8').replace('10.20.0.7', '10.20.0.8'))
  t.equal(run().status, 1, 'nor with another record')
})
