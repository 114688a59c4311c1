/** `npm run generate`: writes every file that is made from the code. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatedFiles } from './generated.ts'

for (const [path, text] of generatedFiles()) {
  writeFileSync(join(import.meta.dirname, '..', path), text)
  console.log(path)
}
