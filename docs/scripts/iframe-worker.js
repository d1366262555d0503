/* The search of the site where a page is opened as a file.

   Browsers begin no worker from a file, so the theme's search would never answer. There, and nowhere
   else, its program runs in a frame that nobody sees: what a worker is told and says goes through
   the two windows. The theme's plugin `offline` would fetch such a script from somebody's server. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      const inner = frame.contentWindow;
      inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.tell = (data) => inner.dispatchEvent(new inner.MessageEvent("message", { data }));
      this.loaded = new Promise((resolve, reject) => {
        const program = inner.document.createElement("script");
        program.src = new URL(address, location);
        program.onload = resolve;
        program.onerror = reject;
        inner.document.body.appendChild(program);
      });
    }

    postMessage(data) {
      this.loaded.then(() => this.tell(data));
    }
  };
}
