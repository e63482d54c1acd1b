// Forms that need a passkey: when such a form is sent, the browser asks for the passkey, and its answer is sent with the form.

const NOTICE = 'passkey-problem'

async function create(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options)
  return (await navigator.credentials.create({ publicKey })).toJSON()
}

async function sign(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  return (await navigator.credentials.get({ publicKey })).toJSON()
}

function tell(text) {
  const notice = document.getElementById(NOTICE)
  notice.textContent = text
  notice.hidden = text === ''
}

function reason(error) {
  if (error.name === 'NotAllowedError') return 'it was cancelled, or took too long'
  if (error.name === 'InvalidStateError') return 'this device has a passkey of yours already'
  return error.message
}

for (const field of document.querySelectorAll('input[data-passkey]')) {
  const { form } = field
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const buttons = [...form.querySelectorAll('button')]
    if (typeof globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON !== 'function')
      return tell('This browser cannot use passkeys here. Nothing was sent.')
    for (const button of buttons) button.disabled = true
    tell('')
    try {
      const options = JSON.parse(field.dataset.passkey)
      field.value = JSON.stringify(await (field.name === 'created' ? create(options) : sign(options)))
      form.submit()
    } catch (error) {
      tell(`Nothing was sent: ${reason(error)}.`)
      for (const button of buttons) button.disabled = false
    }
  })
}
