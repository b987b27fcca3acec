// The page is drawn by the server. This swaps in what it draws anew, at each event and each second, and gives orders.
"use strict";
const body = document.getElementById("body");
const dialog = document.getElementById("order");
const form = dialog.querySelector("form");
const fault = dialog.querySelector(".fault");
let drawing = false;

async function draw() {
  if (drawing || document.hidden) return;
  drawing = true;
  try {
    const answer = await fetch("/page/body" + location.search);
    if (!answer.ok) throw new Error(answer.status);
    const focus = document.activeElement && document.activeElement.dataset ? { ...document.activeElement.dataset } : {};
    body.innerHTML = await answer.text();
    const out = Number(body.querySelector(".at").dataset.out);
    document.title = (out ? `● ${out} out | ` : "") + "passive-health";
    document.getElementById("stale").hidden = true;
    if (focus.action) for (const b of body.querySelectorAll("button"))
      if (b.dataset.action === focus.action && b.dataset.cluster === focus.cluster && b.dataset.host === focus.host) b.focus();
  } catch {
    document.getElementById("stale").hidden = false;
  } finally {
    drawing = false;
  }
}

const source = new EventSource("/api/v1/events?since=" + body.querySelector(".at").dataset.last);
for (const name of ["host.ejected", "host.probation", "host.recovered", "eject.refused", "cluster.failing", "cluster.passed",
  "override.created", "override.ended", "proxy.connected", "proxy.gone", "xds.nack", "config.reloaded", "config.rejected"])
  source.addEventListener(name, draw);
setInterval(draw, 1000);

body.addEventListener("click", (click) => {
  const button = click.target.closest("button[data-action]");
  if (!button) return;
  const { action, cluster, host } = button.dataset;
  if (action === "reset") return send("/api/v1/hosts/reset", { cluster, host });
  Object.assign(dialog.dataset, { action, cluster, host: host || "" });
  dialog.querySelector("h2").textContent = [action, cluster, host].filter(Boolean).join(" ");
  document.getElementById("force").hidden = action !== "eject";
  form.created_by.value = localStorage.getItem("created_by") || "";
  fault.textContent = "";
  dialog.showModal();
});

form.addEventListener("submit", async (submit) => {
  if (submit.submitter.value !== "give") return;
  submit.preventDefault();
  const { action, cluster, host } = dialog.dataset;
  localStorage.setItem("created_by", form.created_by.value);
  const wrong = await send("/api/v1/overrides", {
    action, cluster, hosts: host ? [host] : [], duration: form.duration.value, comment: form.comment.value,
    created_by: form.created_by.value, force: form.force.checked,
  });
  if (wrong) fault.textContent = wrong;
  else { form.comment.value = ""; form.force.checked = false; dialog.close(); }
});

// send posts an order and returns what is wrong with it, if anything.
async function send(path, order) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(order) });
  const said = await answer.json().catch(() => ({}));
  draw();
  return answer.ok ? "" : (said.error ? said.error.message : "the service answered " + answer.status);
}
