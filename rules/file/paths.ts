/** Paths in rule files, which are relative to the file that names them and written with `/` on every system. */

/** `name` as seen from the folder of `file`, without `.` and with as few `..` as can be. */
export function resolvePath(file: string, name: string): string {
  const path = name.startsWith('/') ? name : file.slice(0, file.lastIndexOf('/') + 1) + name
  const steps: string[] = []
  for (const step of path.split('/')) {
    if (step === '' || step === '.') continue
    if (step === '..' && steps.length > 0 && steps.at(-1) !== '..') steps.pop()
    else if (step !== '..' || !path.startsWith('/')) steps.push(step)
  }
  return (path.startsWith('/') ? '/' : '') + steps.join('/')
}
