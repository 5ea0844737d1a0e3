// The floor: a bare `node:http` server that gives one and the same answer, header for header, to whatever is asked.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

const { port, headers, body } = JSON.parse(await text(process.stdin))

createServer((_request, response) => {
  response.writeHead(200, headers)
  response.end(body)
}).listen(port, '127.0.0.1')
