// Keeps a page up to date. Everything on the pages works without this script too.

const RELOAD_DELAY_MS = 200
const RETRY_MS = 5_000

const { now, events, every } = document.body.dataset
/** How far the clock of this device is ahead of the server's. */
const clockOffset = Date.now() - Number(now)
const serverNow = () => Date.now() - clockOffset

function tell(text) {
  const notice = document.getElementById('connection')
  if (notice.textContent !== text) notice.textContent = text
  notice.hidden = text === ''
}

/** Shows times in the reader's own time zone. */
function localTimes() {
  for (const time of document.querySelectorAll('time[data-local]')) {
    time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: 'medium', timeStyle: 'long' })
    time.title = time.dateTime
  }
  for (const time of document.querySelectorAll('time[data-clock]')) {
    const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZoneName: 'short' }
    time.textContent = new Date(time.dateTime).toLocaleTimeString([], clock)
  }
}

function durationText(ms) {
  const seconds = Math.ceil(ms / 1000)
  const pad = (number) => String(number).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  if (hours > 0) return `${hours}h ${pad(minutes)}m`
  return minutes > 0 ? `${minutes}m ${pad(seconds % 60)}s` : `${seconds}s`
}

function countDown() {
  for (const time of document.querySelectorAll('time[data-countdown]')) {
    const left = Date.parse(time.dateTime) - serverNow()
    time.textContent = left > 0 ? durationText(left) : 'now'
  }
  const gate = document.querySelector('[data-expires]')
  if (gate && Date.parse(gate.dataset.expires) <= serverNow()) closeGate('The time to decide is over.')
}

/** Disables the forms of the proposal that is shown, and shows the reason. */
function closeGate(why, link) {
  const notice = document.getElementById('gate-closed')
  if (notice?.hidden) {
    notice.textContent = `${why} The buttons are disabled. `
    const reload = document.createElement('a')
    reload.href = document.body.dataset.back ?? location.href
    reload.textContent = link ?? 'Show the incident'
    notice.append(reload)
    notice.hidden = false
  }
  for (const button of document.querySelectorAll('[data-decides]')) button.disabled = true
}

/** The number on the button is the number of ticked boxes. */
function countChosen() {
  const boxes = [...document.querySelectorAll('input[name=target]')]
  const chosen = boxes.filter((box) => box.checked).length
  for (const count of document.querySelectorAll('[data-chosen]')) if (boxes.length > 0) count.textContent = chosen
}

/** Loads the page again and replaces the parts that changed. Returns whether more can change. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
  if (answer.redirected) {
    closeGate('You are signed out.')
    tell('You are signed out: reload the page to sign in again.')
    return false
  }
  if (answer.status === 409) {
    closeGate('This proposal has changed, was decided, or can no longer be decided.')
    return false
  }
  if (!answer.ok) throw new Error(`status ${answer.status}`)
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
  document.title = fresh.title
  for (const part of fresh.querySelectorAll('[data-live]')) replacePart(document.getElementById(part.id), part)
  localTimes()
  countDown()
  countChosen()
  return fresh.body.dataset.events !== undefined
}

function replacePart(old, part) {
  if (!old) return
  // An unchanged part of the page is kept, with the ticks and the text that the person has entered in it.
  if (old.dataset.version !== undefined && old.dataset.version === part.dataset.version) return
  if (part.id === 'gate' && old.dataset.version !== undefined) {
    // A card with buttons is not replaced while a person may be about to press one of them.
    if (part.dataset.version !== undefined)
      return closeGate('This proposal has changed, or somebody else decided on it.', 'Reload the page')
    tell('This proposal was decided, or can no longer be decided: see below.')
  }
  const open = [...old.querySelectorAll('details')].map((details) => details.open)
  old.replaceWith(document.importNode(part, true))
  const details = [...document.getElementById(part.id).querySelectorAll('details')]
  if (details.length === open.length) details.forEach((one, i) => (one.open = open[i]))
}

let waiting
function refreshSoon() {
  clearTimeout(waiting)
  waiting = setTimeout(
    () => refresh().catch(() => tell('The server does not answer. What you see may be old.')),
    RELOAD_DELAY_MS,
  )
}

function follow(address) {
  const source = new EventSource(address)
  source.addEventListener('open', () => tell(''))
  source.addEventListener('change', refreshSoon)
  source.addEventListener('error', async () => {
    if (source.readyState !== EventSource.CLOSED) return tell('The connection is lost. What you see may be old.')
    // The server ends a stream when the incident is closed, when nobody is signed in any more, or when it has too many streams. The page
    // tries again later. Where the page is complete, it must not say any more that the connection is lost.
    tell('')
    const mayChange = await refresh().catch(() => true)
    if (!mayChange) return
    tell('This page is not updated now. It tries again by itself.')
    setTimeout(() => follow(address), RETRY_MS)
  })
}

localTimes()
countDown()
countChosen()
setInterval(countDown, 1000)
document.addEventListener('change', countChosen)
if (events) follow(events)
if (every)
  setInterval(
    () => {
      if (!document.hidden)
        refresh().then(
          () => tell(''),
          () => tell('The server does not answer. What you see may be old.'),
        )
    },
    Number(every) * 1000,
  )
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
