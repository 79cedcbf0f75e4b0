// Runs once for the source viewer; Gradio gives `element` (the viewer), `trigger` and `watch`.
let opener = null; // the link that was followed last
let followed = ""; // by "mouse" or "key", until its source is shown; empty when it opens by itself

document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest?.('a[href^="#source:"], a[href="#dossier"]');
    if (!link) return;
    event.preventDefault();
    opener = link;
    followed = event.detail === 0 ? "key" : "mouse";
    const address = link.getAttribute("href");
    if (element.querySelector("article")?.dataset.address === address) show(); // no change to watch
    trigger("click", { address });
  },
  true,
);

element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opener?.isConnected) opener.focus();
});

function show() {
  const page = element.closest("#evidence") ?? element;
  const mark = element.querySelector("mark");
  const below = element.querySelector("header")?.offsetHeight ?? 0;
  const top = mark ? mark.getBoundingClientRect().top - page.getBoundingClientRect().top : 0;
  page.scrollTop = mark ? page.scrollTop + top - below - page.clientHeight / 5 : 0;
  if (!followed) return;
  if (matchMedia("(max-width: 860px)").matches) page.scrollIntoView({ block: "start" });
  if (followed === "key") (mark ?? element.querySelector("h2"))?.focus({ preventScroll: true });
  followed = "";
}

watch("value", show);

// Gradio labels a message with its source text; screen readers shall read the message itself.
new MutationObserver(() => {
  for (const message of document.querySelectorAll("#chat [data-testid][aria-label]"))
    message.removeAttribute("aria-label");
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["aria-label"] });

trigger("click", { address: location.hash.startsWith("#source:") ? location.hash : "#dossier" });
