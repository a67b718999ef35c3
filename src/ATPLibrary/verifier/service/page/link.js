// The connection to the service that this page came from: opened, and opened again, less and less often.
//
//   stop() --> idle --start()--> connecting --open--> greeted --not refused--> admitted
//                                    ^                   |                        |
//                                    +-- back-off -- lost / refused <--- closed --+

const FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 15000;
// Refused: the token may become valid, when the test asks for it; a guess is not hurried.
const REFUSED_WAIT_MS = 5000;
// The service refuses within half a second of hello; after this long it has let us in.
const ADMITTED_MS = 1500;
// A connection that lived this long was a good one: the next is tried at once.
const GOOD_MS = 5000;

export class Link {
  // `agent` speaks; `changed()` is called when `state` is another.
  constructor(agent, changed) {
    this.agent = agent;
    this.changed = changed;
    this.state = "idle";
    this.socket = null;
    this.timer = 0;
    this.wait = FIRST_WAIT_MS;
  }

  start() {
    this.stop();
    this.wait = FIRST_WAIT_MS;
    this.#open();
  }

  stop() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.agent.closed();
    this.#move("idle");
  }

  // Something has happened that makes another try worth while.
  hurry() {
    if (this.state === "lost") {
      clearTimeout(this.timer);
      this.#open();
    }
  }

  #open() {
    this.#move("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/agent`);
    this.socket = socket;
    let refused = false;
    let opened = 0;
    socket.onopen = () => {
      if (this.socket !== socket) return;
      opened = performance.now();
      this.agent.opened(socket);
      this.#move("greeted");
      this.timer = setTimeout(() => this.#move("admitted"), ADMITTED_MS);
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket || typeof event.data !== "string") return;
      refused ||= event.data.includes('"type":"refused"');
      this.agent.receive(event.data);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      clearTimeout(this.timer);
      this.socket = null;
      this.agent.closed();
      if (opened && performance.now() - opened > GOOD_MS) this.wait = FIRST_WAIT_MS;
      const wait = (refused ? Math.max(this.wait, REFUSED_WAIT_MS) : this.wait) * (0.75 + Math.random() / 2);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
      this.timer = setTimeout(() => this.#open(), wait);
      this.#move(refused ? "refused" : "lost");
    };
  }

  #move(state) {
    this.state = state;
    this.changed();
  }
}
