// PGlite with pgvector behind pglite-socket, on a free port of 127.0.0.1, which is printed once it listens.
import { createServer } from 'node:net'
import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite/vector'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => resolve(port))
  })
})
const db = await PGlite.create({ extensions: { vector } })
await new PGLiteSocketServer({ db, port, host: '127.0.0.1' }).start()
console.log(port)
