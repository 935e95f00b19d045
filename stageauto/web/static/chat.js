"use strict";
(() => {
  const main = document.querySelector("main.chat");
  const base = `${main.dataset.base}/chat/${main.dataset.channel}`;
  const key = `stageauto.chat.${main.dataset.channel}`;
  const list = document.getElementById("lines");
  const form = document.getElementById("say");
  const text = document.getElementById("text");
  const name = document.getElementById("name");
  const trouble = document.getElementById("trouble");
  const button = form.querySelector("button");
  const keep = (value) => {
    try { sessionStorage.setItem(key, value); } catch { /* a frame of a site that may keep nothing: until it is closed */ }
  };
  let token = "";
  try { token = sessionStorage.getItem(key) || ""; } catch { /* as above */ }
  let after = 0;

  function show(line) {
    const entry = document.createElement("li");
    const who = document.createElement("span");
    const said = document.createElement("p");
    const when = document.createElement("time");
    entry.className = line.ours ? "mine" : "theirs";
    who.className = "who";
    who.textContent = line.ours ? main.dataset.you : main.dataset.us;
    said.textContent = line.text;
    when.dateTime = new Date(line.at).toISOString();
    when.textContent = new Date(line.at).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
    entry.append(who, said, when);
    list.append(entry);
    list.scrollTop = list.scrollHeight;
  }

  function complain(sentence) {
    trouble.textContent = sentence;
    trouble.hidden = !sentence;
  }

  async function listen() {
    for (let pause = 1000; token; ) {
      try {
        const got = await fetch(`${base}/lines?after=${after}`, { headers: { "X-Chat-Token": token } });
        if (!got.ok) throw new Error(String(got.status));
        for (const line of await got.json()) {
          show(line);
          after = line.seq;
        }
        pause = 1000;
      } catch {
        await new Promise((go) => setTimeout(go, pause));
        pause = Math.min(pause * 2, 30000);
      }
    }
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!text.value.trim()) return;
    button.disabled = true;
    complain("");
    try {
      const headers = { "Content-Type": "application/json" };
      if (token) headers["X-Chat-Token"] = token;
      const body = JSON.stringify({ text: text.value, name: name.value });
      const got = await fetch(`${base}/say`, { method: "POST", headers, body });
      if (!got.ok) throw new Error(got.status === 429 ? main.dataset.tooMany : "");
      const answer = await got.json();
      text.value = "";
      if (answer.token) {
        token = answer.token;
        keep(token);
        document.getElementById("who").hidden = true;
        listen();
      }
    } catch (error) {
      complain(error.message === main.dataset.tooMany ? error.message : main.dataset.failed);
    } finally {
      button.disabled = false;
      text.focus();
    }
  });

  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  if (token) {
    document.getElementById("who").hidden = true;
    listen();
  }
})();
