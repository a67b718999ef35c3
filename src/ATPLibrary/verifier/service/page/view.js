// What a tester sees. Drawn once a frame, and only when something has changed.

const KEPT = 30;
const $ = (id) => document.getElementById(id);

export class View {
  // `facts()` tells what to show: { state, vm, held: [names], counts: { events, sent, unwatched, dropped } }
  constructor(facts) {
    this.facts = facts;
    this.lines = []; // newest first: { text, isNote }
    this.isDue = false;
  }

  line(text, isNote = false) {
    this.lines.unshift({ text: `${new Date().toTimeString().slice(0, 8)}  ${text}`, isNote });
    this.lines.length = Math.min(this.lines.length, KEPT);
    this.changed();
  }

  changed() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.#draw();
    });
  }

  #draw() {
    const { state, vm, held, counts } = this.facts();
    $("status").dataset.state = state;
    $("status").textContent = WORDS[state];
    $("vm").textContent = vm ? `VM ${vm}` : "";
    $("who").hidden = !(state === "idle" || state === "refused");
    $("change").hidden = !$("who").hidden;
    for (const [name, count] of Object.entries(counts)) $(name).textContent = count.toLocaleString();
    $("held").replaceChildren(...(held.length ? held.map((name) => element("kbd", name)) : ["nothing"]));
    $("log").replaceChildren(...this.lines.map(({ text, isNote }) => element("li", text, isNote ? "note" : "")));
  }
}

const WORDS = {
  idle: "Not connected: say which VM this is, and its token",
  connecting: "Connecting",
  greeted: "Saying which VM this is",
  admitted: "Connected; no test is watching",
  watched: "Connected; a test is watching",
  refused: "Not admitted: another token, or no test knows this VM yet",
  lost: "Not connected; trying again",
};

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}
