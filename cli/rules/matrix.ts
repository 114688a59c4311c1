/** `landline matrix`: segment × service on one page, for those who sign it. */
import { matrix as matrixOf } from '../../rules/change/matrix.ts'
import { matrixCSV, matrixHTML, matrixText } from '../../rules/change/matrix-text.ts'
import { EXIT, type ExitCode, type Io, printJson } from '../io.ts'
import { timeOf } from './explain.ts'
import { policyOrProblems } from './load.ts'

export interface MatrixFlags {
  readonly file: string
  readonly at: string | undefined
  readonly form: 'text' | 'csv' | 'html' | 'json'
  readonly catalogue: string | undefined
}

export async function matrix({ file, at, form, catalogue }: MatrixFlags, io: Io): Promise<ExitCode> {
  const time = timeOf(at, io.now())
  const policy = await policyOrProblems(file, { catalogue, json: form === 'json' }, io)
  if (policy === null) return EXIT.wrong
  const table = matrixOf(policy, time)
  if (form === 'json') {
    const cells = table.segments.flatMap((segment, row) =>
      table.services.flatMap(({ services }, column) =>
        services.map((service) => ({
          segment: segment.id,
          medium: segment.medium,
          service,
          ...table.cells[row]?.[column],
        })),
      ),
    )
    const { name, revision, mode } = table
    printJson(io, { name, revision, mode, at: new Date(time).toISOString(), cells })
  } else {
    const render = { text: matrixText, csv: matrixCSV, html: matrixHTML }[form]
    io.print(render(table).trimEnd())
  }
  return EXIT.fine
}
