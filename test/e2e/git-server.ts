/** Git's own HTTP backend behind a web server: the part of CGI (RFC 3875) that it needs. */
import { spawn } from 'node:child_process'
import type { RequestListener } from 'node:http'

/** Serves the repositories below `root`; everybody may push. */
export function gitServer(git: string, root: string): RequestListener {
  return (request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost')
    const child = spawn(git, ['http-backend'], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        REMOTE_USER: 'tester',
        REMOTE_ADDR: request.socket.remoteAddress,
        REQUEST_METHOD: request.method,
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    child.stdin.on('error', () => {}) // it may answer without reading
    request.pipe(child.stdin)
    let head = Buffer.alloc(0)
    const readHead = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      child.stdout.off('data', readHead)
      const lines = head.toString('latin1', 0, end).split('\r\n')
      const fields = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const)
      const status = fields.find(([name]) => name === 'Status')?.[1] ?? '200'
      response.writeHead(Number.parseInt(status, 10), Object.fromEntries(fields.filter(([name]) => name !== 'Status')))
      response.write(head.subarray(end + 4))
      child.stdout.pipe(response)
    }
    child.stdout.on('data', readHead)
  }
}
