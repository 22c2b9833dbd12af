// Passkeys: the browser makes or shows a credential, and the form it belongs to carries it to the server.
// form[data-passkey="create" or "get"] has a hidden field "credential"; its options stand in the JSON script whose id
// is data-passkey-options, or are fetched from data-passkey-url.

async function optionsOf(form) {
  if (form.dataset.passkeyUrl) {
    const answer = await fetch(form.dataset.passkeyUrl, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error("The server did not begin.");
    return (await answer.json()).request_options.publicKey;
  }
  return JSON.parse(document.getElementById(form.dataset.passkeyOptions).textContent).publicKey;
}

function create(options, alone) {
  const wanted = { ...options.authenticatorSelection, residentKey: alone ? "required" : "discouraged", requireResidentKey: alone };
  if (alone) wanted.userVerification = "required";
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON({ ...options, authenticatorSelection: wanted });
  return navigator.credentials.create({ publicKey });
}

function get(options) {
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

function tell(form, sentence) {
  const place = form.querySelector("[data-passkey-problem]");
  place.textContent = sentence;
  place.hidden = false;
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-passkey]");
  if (!form) return;
  event.preventDefault();
  if (!globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    tell(form, "This browser cannot use passkeys here. Take another one, or another way.");
    return;
  }
  try {
    const options = await optionsOf(form);
    const alone = Boolean(form.elements.passwordless?.checked);
    const credential = await (form.dataset.passkey === "create" ? create(options, alone) : get(options));
    form.elements.credential.value = JSON.stringify(credential);
    form.submit(); // past this listener
  } catch {
    tell(form, "Nothing was read from a passkey. Try again, or take another way.");
  }
});
