// Delivers messages as a worker does, until it is killed. Arguments: the address of the database and the address of the channel.
import { setTimeout as sleep } from 'node:timers/promises'
import { Secret } from '../../dist/src/config/secret.js'
import { deliverMessages } from '../../dist/src/engine/messages/deliver.js'
import { openDatabase } from '../../dist/src/history/database.js'

const [databaseUrl, channelUrl] = process.argv.slice(2)
const url = new Secret(channelUrl, 'channel platform', channelUrl, [])
const channels = { platform: { kind: 'slack', url, events: ['failed'] } }
const engine = { database: openDatabase(databaseUrl), config: { channels, groups: {}, people: {} } }
process.stdout.write('ready\n')
for (;;) {
  await deliverMessages(engine)
  await sleep(100)
}
