// Puts the page together: the browser's events to the devices, the devices to the agent, the agent to the service.

import { Agent } from "./agent.js";
import { KEYBOARD, POINTER, TOUCH, devices, screenSize } from "./input.js";
import { Keyboard } from "./keyboard.js";
import { Link } from "./link.js";
import { Pointer } from "./pointer.js";
import { Touch } from "./touch.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const STORED = "atp-web-verifier";
const NO_FOCUS = "the web verifier's page has no focus: it sees no key";

let events = 0;
const view = new View(() => ({
  state: agent.state === "watched" ? "watched" : link.state,
  vm: agent.identity.vm,
  held: kinds.flatMap(([, kind]) => [...kind.held.values()]),
  counts: { events, sent: agent.sent, unwatched: agent.unwatched, dropped: agent.dropped },
}));
const changed = () => view.changed();
const emit = (seen, words) => {
  keyboard.flush(); // what it has kept back came before
  events += seen.length;
  agent.observe(seen);
  view.line(words);
};
const keyboard = new Keyboard(emit);
const pointer = new Pointer(emit);
const touch = new Touch(emit);
const kinds = [[KEYBOARD, keyboard], [POINTER, pointer], [TOUCH, touch]];
const agent = new Agent({
  heldBy() {
    keyboard.flush();
    return kinds.flatMap(([device, kind]) => [...kind.held.keys()].map((code) => [device, code]));
  },
  absolute: () => pointer.absolute(),
  blind: () => (document.hasFocus() ? "" : NO_FOCUS),
}, changed);
const link = new Link(agent, changed);
const siblings = new BroadcastChannel(STORED);

// -- who this is ------------------------------------------------------------------------------------------------------------------

function identify(vm, token) {
  agent.identity = { vm, token };
  try {
    // For a page that is loaded again: this tab's own memory, which no other site can read.
    sessionStorage.setItem(STORED, JSON.stringify({ vm, token }));
  } catch {
    // The browser keeps nothing: a page that is loaded again asks.
  }
  $("who-token").value = "";
  siblings.postMessage({ vm });
  link.start();
  $("catch").focus({ preventScroll: true });
}

// Two tabs would take the VM's one connection from each other for ever: the one that was told last has it.
siblings.onmessage = ({ data }) => {
  if (data.vm !== agent.identity.vm || link.state === "idle") return;
  link.stop();
  view.line("another tab of this browser reports for this VM now", true);
};

function known() {
  // Behind the #, which browsers send to nobody; taken out of the address at once, so that no screenshot shows it.
  const said = new URLSearchParams(location.hash.slice(1));
  if (said.has("vm") || said.has("token")) {
    history.replaceState(null, "", location.pathname);
    return { vm: said.get("vm") ?? "", token: said.get("token") ?? "" };
  }
  try {
    return JSON.parse(sessionStorage.getItem(STORED)) ?? { vm: "", token: "" };
  } catch {
    return { vm: "", token: "" };
  }
}

function begin() {
  const { vm, token } = known();
  $("who-vm").value = vm;
  if (vm && token) identify(vm, token);
  else $(vm ? "who-token" : "who-vm").focus();
}

$("who").addEventListener("submit", (event) => {
  event.preventDefault();
  identify($("who-vm").value.trim(), $("who-token").value.trim());
});
$("change").addEventListener("click", () => {
  link.stop();
  $("who-vm").focus();
});

// -- what is reported -------------------------------------------------------------------------------------------------------------

const isOwn = (event) => event.target instanceof Element && event.target.closest("[data-own]") !== null;

// `handle` gets what a person did, not what a script made up, and the browser does nothing with it itself.
function listen(name, handle, { ownToo = false } = {}) {
  window.addEventListener(name, (event) => {
    if (!event.isTrusted) return;
    const own = isOwn(event);
    // Of pointer events that would take away the mouse events, by which buttons are kept from the browser.
    if (!own && !name.startsWith("pointer")) event.preventDefault();
    if (!own || ownToo) handle(event, own);
  }, { capture: true, passive: false });
}

const byKind = (onTouch, onMouse) => (event, own) => {
  if (event.pointerType !== "touch") onMouse(event, own);
  else if (!own) onTouch(event);
};

const ownKeys = new Set(); // pressed in the page's own fields: their releases are nobody's business either
listen("keydown", (event, own) => (own ? ownKeys.add(event.code) : keyboard.press(event)), { ownToo: true });
listen("keyup", (event) => ownKeys.delete(event.code) || keyboard.release(event), { ownToo: true });
listen("pointerdown", byKind((event) => touch.down(event), (event, own) => pointer.handle(event, own)), { ownToo: true });
listen("pointermove", byKind((event) => touch.move(event), (event, own) => pointer.handle(event, own)), { ownToo: true });
for (const name of ["pointerup", "pointercancel"]) {
  listen(name, (event, own) => (event.pointerType === "touch" ? touch.up(event) : pointer.handle(event, own)), { ownToo: true });
}
listen("wheel", (event) => pointer.wheel(event));
listen("mousedown", () => $("catch").focus({ preventScroll: true }));
// The browser's own answers to buttons and fingers: menus, going back, dragging, scrolling.
for (const name of ["mouseup", "auxclick", "contextmenu", "dragstart", "drop", "touchstart", "touchmove"]) listen(name, () => {});
listen("beforeinput", (event) => {
  const length = (event.data ?? event.dataTransfer?.getData("text/plain") ?? "").length;
  view.line(`text of ${length} characters came without keys (${event.inputType}): not reported`, true);
});
listen("paste", (event) => {
  const length = event.clipboardData?.getData("text/plain").length ?? 0;
  view.line(`text of ${length} characters was pasted: no keys, not reported`, true);
});

// -- what is not known ------------------------------------------------------------------------------------------------------------

let isAway = false;

function loseFocus() {
  isAway = true;
  ownKeys.clear();
  const names = kinds.flatMap(([, kind]) => kind.forget());
  const held = names.length ? `; these were down, and count as let go: ${names.join(", ")}` : "";
  agent.unknown(null, `${NO_FOCUS}${held}`);
  view.line(`focus lost: keys are not seen${held}`, true);
}

window.addEventListener("blur", loseFocus);
window.addEventListener("focus", () => {
  if (!isAway) return;
  isAway = false;
  agent.unknown(null, "the web verifier's page has the focus again: what came meanwhile it has not seen");
  view.line("focus is back", true);
  $("catch").focus({ preventScroll: true });
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") link.hurry();
});
window.addEventListener("online", () => link.hurry());
window.addEventListener("pagehide", () => {
  agent.bye("the page was closed");
  link.stop();
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted && agent.identity.token) link.start();
});
let size = screenSize().join();
window.addEventListener("resize", () => {
  if (size === screenSize().join()) return;
  size = screenSize().join();
  agent.devicesChanged();
  tellSize();
});

// -- more than a page usually gets ------------------------------------------------------------------------------------------------

$("fullscreen").addEventListener("click", async () => {
  try {
    await $("area").requestFullscreen({ navigationUI: "hide" });
    await navigator.keyboard?.lock?.();
  } catch (error) {
    view.line(`no full screen: ${error.message}`, true);
  }
  $("catch").focus({ preventScroll: true });
});
$("lock").addEventListener("click", async () => {
  const area = $("area");
  try {
    await area.requestPointerLock({ unadjustedMovement: true });
  } catch {
    // Not on this system: then with the system's acceleration.
    await Promise.resolve(area.requestPointerLock()).catch((error) => view.line(`no relative mouse: ${error.message}`, true));
  }
});
document.addEventListener("pointerlockchange", () => {
  const locked = document.pointerLockElement !== null;
  view.line(locked ? "the mouse is reported by its motions; Escape ends it" : "the mouse is reported by its places", true);
});

function tellSize() {
  view.line(`the screen has ${screenSize().join(" x ")} pixels`, true);
  $("screen-size").textContent = `${screenSize().join(" x ")}.`;
}

$("keyboard-lock").textContent = navigator.keyboard?.lock
  ? "this one can."
  : "this one can't (Chrome and Edge can, over HTTPS or on localhost).";
tellSize();
view.line(`${devices().length} devices: keyboard, pointer, mouse, touch screen`, true);
begin();
