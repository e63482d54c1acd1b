import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

export interface Mail {
  from: string
  to: string[]
  /** Headers and text as they were transferred. */
  data: string
}

/** A local SMTP server that stores the mails that it receives. `refuse` is the answer that it gives to a mail instead of accepting it. */
export interface MailServer {
  url: string
  mails: Mail[]
  refuse: string | undefined
  close(): Promise<void>
}

export async function startMailServer(): Promise<MailServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => {}))
    talk(socket, mailServer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const mailServer: MailServer = {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mails: [],
    refuse: undefined,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return mailServer
}

const END = '\r\n.\r\n'

function talk(socket: Socket, server: MailServer): void {
  let mail: Mail = { from: '', to: [], data: '' }
  let inData = false
  let text = ''
  const say = (answer: string) => socket.write(`${answer}\r\n`)
  const obey = (command: string): void => {
    if (/^(EHLO|HELO)/i.test(command)) return void say('250 localhost')
    if (/^MAIL FROM:/i.test(command)) {
      mail = { from: command.slice('MAIL FROM:'.length), to: [], data: '' }
    } else if (/^RCPT TO:/i.test(command)) {
      mail.to.push(command.slice('RCPT TO:'.length))
    } else if (/^DATA/i.test(command)) {
      inData = true
      return void say('354 go on')
    } else if (/^QUIT/i.test(command)) {
      socket.end('221 bye\r\n')
      return
    }
    say('250 ok')
  }
  say('220 localhost ESMTP')
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    for (;;) {
      const end = text.indexOf(inData ? END : '\r\n')
      if (end < 0) return
      const part = text.slice(0, end)
      text = text.slice(end + (inData ? END.length : 2))
      if (!inData) {
        obey(part)
        continue
      }
      inData = false
      if (server.refuse === undefined) server.mails.push({ ...mail, data: part })
      say(server.refuse ?? '250 stored')
    }
  })
}
