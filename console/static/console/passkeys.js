/* Joins the buttons of passkeys to django-allauth's scripts: <form data-passkey="loginForm|authenticateForm|addForm">. */
(() => {
  const trouble = document.getElementById("passkey-trouble");

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    if (!trouble) return;
    const name = event.detail.exception && event.detail.exception.name;
    trouble.textContent =
      name === "NotAllowedError"
        ? "The passkey was not used: it was cancelled, or took too long. Nothing was done. Try again."
        : name === "SecurityError"
          ? "Browsers take passkeys only over https, or from http://localhost. Nothing was done."
          : name === "InvalidStateError"
            ? "This device already has a passkey of yours. Nothing was done."
            : "The passkey could not be used here. Nothing was done.";
    trouble.hidden = false;
  });

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const find = (name) => form.querySelector(`[data-${name}]`);
    const ids = { data: "passkey-data" };
    for (const name of ["login", "authenticate", "add", "credential", "passwordless"]) {
      const element = find(name) || (name === "credential" && form.elements.credential);
      if (element) ids[name] = element.id;
    }
    for (const button of form.querySelectorAll("button[hidden]")) button.hidden = false;
    window.allauth.webauthn.forms[form.dataset.passkey]({ ids });
  }
})();
