/* stageauto: visits. Keeps nothing in the browser before stageauto.consent() was called, unless told otherwise. */
(function (w, d, url, ask) {
  var KEY = "stageauto.visitor", store, id, first;
  try { store = w.localStorage; id = store.getItem(KEY); } catch (e) { return; }
  function begin() {
    if (!id) {
      var bytes = new Uint8Array(16);
      w.crypto.getRandomValues(bytes);
      id = "v" + Array.prototype.map.call(bytes, function (b) { return ("0" + b.toString(16)).slice(-2); }).join("");
      store.setItem(KEY, id);
    }
    first = !w.sessionStorage.getItem(KEY);
    w.sessionStorage.setItem(KEY, "1");
    var told = { visitor: id, page: w.location.pathname, first: first, referrer: d.referrer,
      campaign: new URLSearchParams(w.location.search).get("utm_campaign") || "" };
    w.fetch(url + "/v", { method: "POST", body: JSON.stringify(told), keepalive: true, credentials: "omit",
      headers: { "Content-Type": "text/plain" } }).catch(function () {});
  }
  function sign(event) {
    var form = event.target;
    if (!id || !form.action || form.action.indexOf(url + "/forms/") !== 0 || form.elements.visitor) return;
    var field = d.createElement("input");
    field.type = "hidden"; field.name = "visitor"; field.value = id;
    form.appendChild(field);
  }
  d.addEventListener("submit", sign, true);
  w.stageauto = {
    consent: function () { ask = 0; begin(); },
    forget: function () { store.removeItem(KEY); w.sessionStorage.removeItem(KEY); id = null; },
    visitor: function () { return id; }
  };
  if (!ask || id) begin();
})(window, document, "$URL", $CONSENT);
