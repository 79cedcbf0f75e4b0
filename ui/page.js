// Runs once all parts of the page are there; each has left its `element`, `trigger`, `watch`, `props`.
const PARTS = ["top", "chat", "follow", "tools", "attach", "source", "dossier", "wire"];
let KEPT = "visit-desk.conversations"; // by id: title, time, and what the server packed; of one user
const MOST_KEPT = 30;
const narrow = matchMedia("(max-width: 860px)");
const desk = window.desk;
let opener = null; // the link that was followed last
let followed = ""; // by "mouse" or "key", until its source is shown; empty when it opens by itself
let turns = 0;
let growing = false; // the last answer was not complete when it was last looked at

const plainFetch = window.fetch;
window.fetch = async (...request) => {
  const reply = await plainFetch(...request);
  if (reply.status === 401) location.reload(); // the session is over: the server shows where to log in
  if ([429, 503].includes(reply.status)) say(document.querySelector("#said")?.dataset.busy ?? "");
  return reply;
};

desk.begin = async () => {
  if (desk.begun || !PARTS.every((name) => desk[name])) return;
  desk.begun = true;
  const { user } = await (await fetch(new URL("desk/user", document.baseURI))).json();
  if (user) KEPT += `.${user}`;
  desk.source.watch("value", shown);
  desk.chat.watch("value", grown);
  desk.follow.watch("value", proposed);
  desk.top.watch("value", listKept);
  desk.wire.watch("value", () => desk.wire.props.value && obey(JSON.parse(desk.wire.props.value)));
  desk.dossier.watch("value", () => desk.dossier.element.classList.remove("waiting"));
  desk.attach.watch("value", () => desk.attach.element.removeAttribute("aria-busy"));
  const conversation = readKept()[current()]?.session;
  const language = localStorage.getItem("visit-desk.language") ?? navigator.language;
  document.documentElement.lang = ["fr", "es"].find((each) => language.startsWith(each)) ?? "en";
  desk.top.trigger("submit", { language, conversation });
};

// ---- sources

function openSource(link, event) {
  event.preventDefault();
  opener = link;
  followed = event.detail === 0 ? "key" : "mouse";
  const address = link.getAttribute("href");
  if (desk.source.element.querySelector("article")?.dataset.address === address) shown(); // no change to watch
  else desk.source.trigger("click", { address });
}

function shown() {
  const { element, trigger } = desk.source;
  const page = element.closest("#evidence") ?? element;
  const article = element.querySelector("article");
  const spot = element.querySelector(".spot");
  const mark = spot ?? element.querySelector("mark");
  if (followed && narrow.matches) drawer(true);
  const below = element.querySelector("header")?.offsetHeight ?? 0;
  const top = mark ? mark.getBoundingClientRect().top - page.getBoundingClientRect().top : 0;
  page.scrollTop = mark ? page.scrollTop + top - below - page.clientHeight / 5 : 0;
  if (followed === "key" || (followed && narrow.matches))
    (element.querySelector("mark") ?? element.querySelector("h2"))?.focus({ preventScroll: true });
  followed = "";
  const figure = element.querySelector("figure.page");
  if (article?.dataset.drawn === "true" && figure && !figure.firstChild)
    trigger("select", { address: article.dataset.address });
}

const place = () => document.querySelector("#desk"); // Gradio scopes all styles to its container

function drawer(open) {
  place().classList.toggle("drawer", open);
  for (const each of document.querySelectorAll("#top, #talk, #dossier")) each.inert = open;
  if (!open && opener?.isConnected) opener.focus();
}

narrow.addEventListener("change", () => drawer(false));

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const past = document.querySelector("#past[open]");
  if (past) {
    past.open = false;
    past.querySelector("summary").focus();
  } else if (place().classList.contains("drawer")) drawer(false);
  else if (event.target.closest?.("#source") && opener?.isConnected) opener.focus();
});

// ---- what is pressed, typed and chosen

document.addEventListener(
  "click",
  (event) => {
    const pressed = event.target.closest?.('a[href^="#source:"], a[href="#dossier"], [data-do], [data-ask]');
    const past = document.querySelector("#past[open]");
    if (past && !past.contains(event.target)) past.open = false;
    if (!pressed || pressed.tagName === "FORM") return;
    if (pressed.dataset.ask) desk.chat.trigger("submit", { text: pressed.dataset.ask });
    else if (pressed.dataset.do) press(pressed, event);
    else openSource(pressed, event);
  },
  true,
);

function press(button, event) {
  const { do: what, n, view, id } = button.dataset;
  if (what === "close") drawer(false);
  else if (what === "skip") {
    event.preventDefault();
    focusBox();
  } else if (what === "view") look(view);
  else if (what === "logout") logOut();
  else if (what === "detach") desk.attach.trigger("clear");
  else if (what === "retry") desk.chat.trigger("submit", { n });
  else if (what === "past-open") {
    sessionStorage.setItem("visit-desk.current", id);
    location.reload();
  } else if (what === "past-delete") forget(id);
  else if (what === "past-clear") forget();
  else desk.chat.trigger("click", { do: what, n });
}

async function logOut() {
  await plainFetch(new URL("logout", document.baseURI), { method: "POST" });
  location.reload();
}

function look(view) {
  place().classList.toggle("documents", view === "documents");
  for (const each of document.querySelectorAll("[data-view]"))
    each.dataset.view === view ? each.setAttribute("aria-current", "page") : each.removeAttribute("aria-current");
  if (view === "documents") desk.dossier.trigger("input", { wanted: wanted() });
}

const wanted = () => desk.dossier.element.querySelector("input")?.value ?? "";
let searching = 0;

document.addEventListener("input", (event) => {
  if (!event.target.matches?.('#dossier input[name="wanted"]')) return;
  clearTimeout(searching);
  searching = setTimeout(() => desk.dossier.trigger("input", { wanted: wanted() }), 150);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.closest("#dossier, #chat, #tools")) return;
  event.preventDefault();
  if (form.dataset.do === "note") {
    const sent = new FormData(form);
    desk.chat.trigger("click", { do: "note", n: form.dataset.n, reason: sent.get("reason") ?? "", note: sent.get("note") });
  }
});

document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.matches?.('select[name="language"]')) {
    localStorage.setItem("visit-desk.language", field.value);
    location.reload();
  } else if (field.matches?.("form.filters *")) choose(field.form);
  else if (field.matches?.('input[name="own"]') && field.files[0]) attach(field);
});

document.addEventListener("reset", (event) => {
  if (event.target.matches?.("form.filters")) setTimeout(() => choose(event.target));
});

function choose(form) {
  const sent = new FormData(form);
  const where = { first: sent.get("first"), last: sent.get("last") };
  for (const name of ["documents", "kinds", "languages"]) where[name] = sent.getAll(name);
  const any = Object.values(where).some((each) => each.length);
  form.closest("details").classList.toggle("chosen", any);
  desk.tools.trigger("input", { where });
}

async function attach(field) {
  const [file] = field.files;
  say(field.dataset.reading.replace("{name}", file.name));
  desk.attach.element.setAttribute("aria-busy", "true");
  let reply = {};
  try {
    const address = new URL("desk/file", document.baseURI);
    address.searchParams.set("name", file.name);
    const answer = await fetch(address, { method: "POST", body: file });
    reply = answer.status === 413 ? { reason: "file_large" } : await answer.json();
  } catch {
    reply = {};
  }
  desk.attach.trigger("upload", { ...reply, name: file.name });
  say("");
}

// ---- what the server says is to be done

function obey(command) {
  if (command.do === "save") keep(command);
  else if (command.do === "focus") focusBox();
  else if (command.do === "copy")
    (navigator.clipboard?.writeText(command.text) ?? Promise.reject()).then(
      () => say(command.done), // there is no clipboard without TLS
      () => say(command.failed),
    );
  else if (command.do === "download") download(command);
  else if (command.do === "begun") listKept();
  if (command.form) document.querySelector("form.reasons input")?.focus();
}

function download({ name, type, data }) {
  const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function say(words) {
  const place = document.querySelector("#said");
  if (place) place.textContent = words;
}

function focusBox() {
  document.querySelector("#box textarea")?.focus();
}

function grown() {
  const all = desk.chat.element.querySelectorAll(".turn");
  const notice = desk.chat.element.querySelector(".log > .notice");
  const last = all[all.length - 1];
  const end = notice ?? (all.length !== turns || growing ? last : null);
  const box = document.querySelector("#flow");
  if (end) box.scrollTop += end.getBoundingClientRect().top - box.getBoundingClientRect().top - 8;
  turns = all.length;
  growing = Boolean(last?.querySelector(".searching"));
}

// What is proposed may come when another question was asked meanwhile.
function proposed() {
  const found = desk.follow.element.querySelector("[data-after]");
  const last = [...desk.chat.element.querySelectorAll(".turn")].pop();
  if (found) found.hidden = found.dataset.after !== last?.dataset.answer;
}

// ---- conversations, kept in this browser alone

function current() {
  let id = sessionStorage.getItem("visit-desk.current");
  if (!id) sessionStorage.setItem("visit-desk.current", (id = crypto.getRandomValues(new Uint32Array(4)).join("-")));
  return id;
}

function readKept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function writeKept(kept) {
  const newest = Object.entries(kept).sort(([, one], [, other]) => other.at - one.at);
  for (let most = MOST_KEPT; most > 0; most = Math.floor(most / 2)) {
    try {
      localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(newest.slice(0, most))));
      break;
    } catch {
      continue; // no room for so many
    }
  }
  listKept();
}

function keep({ title, session }) {
  writeKept({ ...readKept(), [current()]: { title, session, at: Date.now() } });
}

function forget(id) {
  const kept = id ? readKept() : {};
  delete kept[id];
  writeKept(kept);
  document.querySelector("#past summary")?.focus();
}

function listKept() {
  const list = document.querySelector("#past ul");
  if (!list) return;
  const newest = Object.entries(readKept()).sort(([, one], [, other]) => other.at - one.at);
  const entries = newest.map(([id, { title, at }]) => {
    const when = new Date(at).toLocaleDateString(document.documentElement.lang);
    const open = entryButton("past-open", id, `${title} · ${when}`);
    const remove = entryButton("past-delete", id, list.dataset.delete);
    remove.setAttribute("aria-label", `${list.dataset.delete}: ${title}`);
    const entry = document.createElement("li");
    entry.append(open, remove);
    return entry;
  });
  list.replaceChildren(...(entries.length ? entries : [list.dataset.none]));
}

function entryButton(what, id, words) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.do = what;
  button.dataset.id = id;
  button.textContent = words;
  button.dir = "auto";
  return button;
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#fresh")) sessionStorage.removeItem("visit-desk.current");
});

desk.begin();
