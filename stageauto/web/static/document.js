// Tells that the document is read, and lets people draw their signature. The page works without it.
(() => {
  "use strict";
  const main = document.querySelector("main[data-opened]");
  const tell = () => {
    if (document.visibilityState !== "visible") return;
    document.removeEventListener("visibilitychange", tell);
    fetch(main.dataset.opened, { method: "POST", keepalive: true }).catch(() => {});
  };
  if (main) {
    document.addEventListener("visibilitychange", tell);
    tell();
  }

  const pad = document.getElementById("pad");
  if (!pad) return;
  const WIDTH = 600, HEIGHT = 200, MOST = 15000;
  const field = document.getElementById("drawing");
  const pen = pad.getContext("2d");
  let path = "", last = null;
  document.getElementById("draw").hidden = false;
  pen.scale(pad.width / WIDTH, pad.height / HEIGHT);
  pen.lineWidth = 3;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#112233";

  const spot = (event) => {
    const box = pad.getBoundingClientRect();
    const within = (value, most) => Math.round(Math.min(most, Math.max(0, value)));
    return {
      x: within(((event.clientX - box.left) / box.width) * WIDTH, WIDTH),
      y: within(((event.clientY - box.top) / box.height) * HEIGHT, HEIGHT),
    };
  };
  const add = (word, to) => {
    path += `${word}${to.x} ${to.y}`;
    field.value = path;
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button || path.length > MOST) return;
    event.preventDefault();
    pad.setPointerCapture(event.pointerId);
    last = spot(event);
    add("M", last);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!last || path.length > MOST) return;
    const to = spot(event);
    if (Math.hypot(to.x - last.x, to.y - last.y) < 2) return;
    pen.beginPath();
    pen.moveTo(last.x, last.y);
    pen.lineTo(to.x, to.y);
    pen.stroke();
    add("L", to);
    last = to;
  });
  for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => { last = null; });
  document.getElementById("clear").addEventListener("click", () => {
    pen.clearRect(0, 0, WIDTH, HEIGHT);
    path = field.value = "";
  });
})();
