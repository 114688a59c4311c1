/** Trees, proofs and signed notes, against the published vectors and against each other. */
import { createHash, createPrivateKey } from 'node:crypto'
import t from 'tap'
import { isOriginOf, parseCheckpoint, signCheckpoint } from '../../audit/proof/checkpoint.ts'
import {
  consistencyRanges,
  Frontier,
  inclusionRanges,
  leafHash,
  type Range,
  verifyConsistency,
  verifyInclusion,
} from '../../audit/proof/merkle.ts'
import { checkSignature, keyName, parseNote, parseVerifierKey, signNote, verifierKey } from '../../audit/proof/note.ts'
import { newKey } from './evidence-helpers.ts'

/** The leaves and roots that implementations of RFC 6962 share as test vectors. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

t.test('roots are those of RFC 6962', async (t) => {
  const tree = new Frontier()
  t.equal(tree.root().toString('hex'), ROOTS[0])
  for (const [index, leaf] of LEAVES.entries()) {
    tree.add(leafHash(Buffer.from(leaf, 'hex')))
    t.equal(tree.root().toString('hex'), ROOTS[index + 1])
  }
})

/** The definition, word for word (RFC 6962 §2.1). */
function slowRoot(leaves: readonly Buffer[]): Buffer {
  const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0]! // there is one
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return sha256(Buffer.from([1]), slowRoot(leaves.slice(0, k)), slowRoot(leaves.slice(k)))
}

t.test(
  'the incremental tree is the definition; a frontier goes on where it left off; blocks are subtrees',
  async (t) => {
    const leaves = Array.from({ length: 70 }, (_, n) => leafHash(Buffer.from(`line ${n}`)))
    const tree = new Frontier()
    const ofBlocks = new Frontier()
    for (const [index, leaf] of leaves.entries()) {
      const block = tree.add(leaf, 1, 8)
      t.equal(block !== null, index % 8 === 7)
      if (block !== null) ofBlocks.add(block, 8)
      const root = slowRoot(leaves.slice(0, index + 1))
      if (!tree.root().equals(root)) t.fail(`${index + 1} leaves`)
      if (!new Frontier(tree.size, tree.hashes).root().equals(root)) t.fail(`${index + 1} leaves, again`)
      if (block !== null && !ofBlocks.root().equals(root)) t.fail(`${index + 1} leaves, of blocks`)
    }
    t.ok(tree.hashes.length <= 7)
    for (const [size, hashes] of [
      [3, 1],
      [4, 2],
      [-1, 0],
      [1.5, 1],
    ] as const)
      t.throws(
        () =>
          new Frontier(
            size,
            Array.from({ length: hashes }, () => Buffer.alloc(32)),
          ),
        RangeError,
      )
  },
)

t.test('every proof of every small tree holds, and no other does', async (t) => {
  const leaves = Array.from({ length: 34 }, (_, n) => leafHash(Buffer.from(`line ${n}`)))
  const rootOf = ({ from, to }: Range) => slowRoot(leaves.slice(from, to))
  const treeOf = (size: number) => ({ size, root: rootOf({ from: 0, to: size }) })
  let proofs = 0
  for (let size = 1; size <= 33; size++) {
    for (let index = 0; index < size; index++) {
      const proof = inclusionRanges(index, size).map(rootOf)
      const leaf = leaves[index]! // within
      const holds = [
        verifyInclusion(leaf, index, treeOf(size), proof),
        verifyInclusion(leaves[index + 1]!, index, treeOf(size), proof),
        verifyInclusion(leaf, index + 1, treeOf(size), proof),
        verifyInclusion(leaf, index, treeOf(size + 1), proof),
        verifyInclusion(leaf, index, treeOf(size), [...proof, leaf]),
        proof.length > 0 && verifyInclusion(leaf, index, treeOf(size), proof.slice(1)),
      ]
      if (String(holds) !== 'true,false,false,false,false,false') t.fail(`${index} in ${size}: ${holds}`)
      proofs++
    }
    for (let older = 0; older <= size; older++) {
      const proof = consistencyRanges(older, size).map(rootOf)
      const forged = { size: older, root: leaves[33]! }
      const holds = [
        verifyConsistency(treeOf(older), treeOf(size), proof),
        verifyConsistency(forged, treeOf(size), proof),
        verifyConsistency(treeOf(older), { size, root: leaves[33]! }, proof) && older > 0,
        verifyConsistency(treeOf(older), treeOf(size), [...proof, leaves[0]!]),
        older < size && verifyConsistency(treeOf(size), treeOf(older), proof),
      ]
      if (String(holds) !== 'true,false,false,false,false') t.fail(`${older} before ${size}: ${holds}`)
      proofs++
    }
  }
  t.ok(proofs > 1000)
})

/** From the specification of signed notes, and from the Go implementation that it describes. */
const NOTES = [
  {
    key: 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
    note: 'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n',
  },
  {
    key: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    note: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
  },
]

t.test('notes of the specification verify, and no changed one does', async (t) => {
  for (const { key: text, note } of NOTES) {
    const key = parseVerifierKey(text)
    if (key === null) return t.fail(text)
    t.equal(key.text, text)
    t.equal(verifierKey(key.name, key.key).text, text)
    const parsed = parseNote(note)
    t.equal(parsed && checkSignature(parsed, key), 'good')
    const bytes = Buffer.from(note)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const other = parseNote(changed.toString())
      if (other !== null && checkSignature(other, key) === 'good') t.fail(`bit ${bit}`)
    }
    for (let length = 0; length < note.length; length++) {
      const other = parseNote(note.slice(0, length))
      if (other !== null && checkSignature(other, key) === 'good') t.fail(`${length} characters`)
      if (length < text.length && parseVerifierKey(text.slice(0, length)) !== null)
        t.fail(`${length} characters of the key`)
    }
  }
})

t.test('a note is signed as by the Go implementation', async (t) => {
  // The published private key is a seed, here as PKCS #8 has it.
  const seed = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1)
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const key = { verifier: verifierKey('PeterNeumann', privateKey), privateKey }
  t.equal(key.verifier.text, NOTES[1]?.key)
  const text = NOTES[1]?.note.split('\n\n')[0] ?? ''
  t.equal(signNote(`${text}\n`, key), NOTES[1]?.note)
})

t.test('signatures of others are left alone, up to sixteen', async (t) => {
  const [own, other] = [newKey(), newKey('witness.example/w1')]
  const text = 'log\n1\nAAAA\n'
  const signature = (key: typeof own) => signNote(text, key).slice(text.length + 1)
  const both = parseNote(`${text}\n${signature(other)}${signature(own)}`)
  t.equal(both && checkSignature(both, own.verifier), 'good')
  t.equal(both && checkSignature(both, newKey().verifier), 'unsigned', 'the same name is not the same key')
  t.ok(parseNote(`${text}\n${signature(own).repeat(16)}`))
  t.equal(parseNote(`${text}\n${signature(own).repeat(17)}`), null)
  const [first = ''] = signature(own).split('\n')
  const forged = parseNote(`${text}\n${first.slice(0, -4)}AAA=\n${signature(own)}`)
  t.not(forged && checkSignature(forged, own.verifier), 'good', 'one bad signature of a known key is enough')
  t.equal(keyName('my+proxy'), 'my-proxy')
})

t.test('a checkpoint is what the specification says, and nothing else is one', async (t) => {
  const example =
    'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n'
  t.match(parseCheckpoint(example), { origin: 'example.com/behind-the-sofa', size: 20_852_163 })
  const key = newKey()
  const root = Buffer.alloc(32, 9)
  const made = signCheckpoint('landline-1', 42, root, key)
  t.equal(made.text.split('\n\n')[0], `landline-1\n42\n${root.toString('base64')}`)
  t.equal(checkSignature(made.note, key.verifier), 'good')
  const texts = [
    ['a leading zero', 'log\n042\n', root],
    ['no size', 'log\n\n', root],
    ['a sign', 'log\n-1\n', root],
    ['a size that no number is exact for', 'log\n9999999999999999\n', root],
    ['a short root', 'log\n42\n', root.subarray(1)],
    ['no origin', '\n42\n', root],
  ] as const
  for (const [name, head, bytes] of texts)
    t.equal(parseCheckpoint(signNote(`${head}${bytes.toString('base64')}\n`, key)), null, name)
  t.equal(parseCheckpoint(signNote(`log\n42\n${root.toString('base64')}\nmore\n`, key)), null, 'an extension line')
  for (const [origin, want] of [
    ['landline-1', true],
    ['landline-1/epoch-42', true],
    ['landline-1/epoch-', false],
    ['landline-10', false],
    ['other', false],
  ] as const)
    t.equal(isOriginOf(origin, 'landline-1'), want, origin)
})
