"""
An auditor's own check of a log, by the specifications alone: RFC 6962 (tree), c2sp.org/signed-note, tlog-checkpoint and
tlog-proof. It shares no code with Landline; openssl verifies the signatures. Arguments: the folder, a vkey, then files that
`landline audit show` proofs were saved in. Prints what it found, a line each; exits with 1 at the first thing that is wrong.
"""
import base64, gzip, hashlib, json, pathlib, subprocess, sys, tempfile

def sha(*parts): return hashlib.sha256(b''.join(parts)).digest()
def leaf(line): return sha(b'\0', line)
def node(left, right): return sha(b'\1', left, right)

def root(leaves):  # RFC 6962, section 2.1, by its words
    if not leaves: return sha()
    if len(leaves) == 1: return leaves[0]
    k = 1
    while k * 2 < len(leaves): k *= 2
    return node(root(leaves[:k]), root(leaves[k:]))

def root_by_path(leaf_hash, index, size, path):  # RFC 9162, section 2.1.3.2
    fn, sn, r, path = index, size - 1, leaf_hash, list(path)
    for p in path:
        if fn % 2 or fn == sn:
            r = node(p, r)
            while fn % 2 == 0 and fn: fn, sn = fn >> 1, sn >> 1
        else: r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0, 'the path is too short'
    return r

def signed(note, vkey):  # c2sp.org/signed-note
    name, key_id, encoded = vkey.split('+', 2)
    typed = base64.b64decode(encoded)
    assert typed[0] == 1 and sha(name.encode(), b'\n', typed)[:4].hex() == key_id, 'the vkey is not well-formed'
    text, _, signatures = note.rpartition('\n\n')
    line = next(l for l in signatures.splitlines() if l.startswith(f'\u2014 {name} '))
    blob = base64.b64decode(line.split(' ')[2])
    assert blob[:4].hex() == key_id, 'signed by another key'
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        # The DER head of an Ed25519 public key (RFC 8410).
        (at / 'key').write_bytes(bytes.fromhex('302a300506032b6570032100') + typed[1:])
        (at / 'sig').write_bytes(blob[4:])
        (at / 'text').write_bytes(text.encode() + b'\n')
        subprocess.run(['openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', at / 'key', '-rawin',
                        '-in', at / 'text', '-sigfile', at / 'sig'], check=True, stdout=subprocess.DEVNULL)
    return text.split('\n')

folder, vkey, *proofs = sys.argv[1:]
lines, prev = [], base64.b64encode(bytes(32)).decode()
for path in sorted(pathlib.Path(folder).glob('audit-*.jsonl*')):
    with (gzip.open if path.suffix == '.gz' else open)(path, 'rb') as file:
        for line in file.read().splitlines():
            record = json.loads(line)
            assert record['event']['sequence'] == len(lines) + 1 and record['landline']['prev'] == prev, path
            prev = base64.b64encode(hashlib.sha256(line).digest()).decode()
            lines.append(line)
leaves = [leaf(line) for line in lines]
print(f'chain {len(lines)}')

paragraphs = (pathlib.Path(folder) / 'checkpoints.txt').read_text().split('\n\n')[:-1]
texts = [p for p in paragraphs if len(p.split('\n')) == 3]
notes = [f'{t}\n\n{paragraphs[paragraphs.index(t) + 1]}\n' for t in texts]
for note in notes:
    origin, size, encoded = signed(note, vkey)
    assert root(leaves[:int(size)]) == base64.b64decode(encoded), f'root of {size}'
print(f'checkpoints {len(notes)}')

for file in proofs:
    head, _, note = pathlib.Path(file).read_text().partition('\n\n')
    kind, index, *path = head.split('\n')
    assert kind == 'c2sp.org/tlog-proof@v1', kind
    at = int(index.removeprefix('index '))
    _, size, encoded = signed(note, vkey)
    found = root_by_path(leaves[at], at, int(size), [base64.b64decode(h) for h in path])
    assert found == base64.b64decode(encoded), file
print(f'proofs {len(proofs)}')
