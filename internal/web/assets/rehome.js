// An answer that says what went wrong takes the place of the page where the server says so: htmx passes over 4xx and 5xx otherwise.
document.addEventListener("htmx:beforeSwap", function (e) {
  if (e.detail.xhr.getResponseHeader("HX-Retarget")) { e.detail.shouldSwap = true; e.detail.isError = false; }
});
// What is fetched anew by itself waits while somebody types or ticks there.
document.addEventListener("htmx:beforeRequest", function (e) {
  var t = e.target;
  if (!t.matches("[data-polls], #body")) { return; }
  var typed = Array.prototype.some.call(t.querySelectorAll("input, textarea"), function (i) { return i.value !== i.defaultValue || i.checked !== i.defaultChecked; });
  if (!typed && !(t.matches("[data-polls]") && t.contains(document.activeElement))) { return; }
  e.preventDefault();
  if (t.id === "body") { setTimeout(function () { htmx.trigger(t, "sse:changed"); }, 3000); } // nothing else has it ask again
});
// Where something takes the place of a piece, who works by keys stays where they were, and what is folded open stays so. What takes the place of the page is read.
var before = null;
function like(e) { return e.tagName + (e.getAttribute("href") || e.name || "") + e.textContent; }
document.addEventListener("htmx:beforeSwap", function (e) {
  var t = e.detail.target, at = document.activeElement;
  before = { id: t.id, at: t.contains(at) && !at.id ? like(at) : "", open: Array.prototype.map.call(t.querySelectorAll("details[open] > summary"), like) };
});
document.addEventListener("htmx:afterSwap", function () {
  var was = before, t = was && document.getElementById(was.id);
  before = null;
  if (!t) { return; }
  if (t.id === "main") { t.focus(); }
  t.querySelectorAll("summary, a, button, input").forEach(function (e) {
    if (e.tagName === "SUMMARY" && was.open.includes(like(e))) { e.parentElement.open = true; }
    if (was.at && like(e) === was.at) { was.at = ""; e.focus({ preventScroll: true }); }
  });
});
// A field that holds a command is marked whole when it is entered.
document.addEventListener("focusin", function (e) { if (e.target.readOnly && e.target.select) { e.target.select(); } });
// What answers at an address is said of that address alone: not while another is typed, nor while it is asked.
function found() { return document.getElementById("found"); }
document.addEventListener("input", function (e) { if (e.target.id === "url" && found()) { found().textContent = ""; } });
document.addEventListener("htmx:beforeSend", function (e) {
  if (e.detail.target === found() && found() && document.getElementById("url").value.trim()) { found().textContent = "Asking what answers there …"; }
});
document.addEventListener("htmx:afterSwap", function (e) {
  if (e.detail.target === found() && found() && found().querySelector("[data-wants]")) { document.getElementById("username").closest("details").open = true; }
});
// A page that lost its server says so, until it has it again.
function away(is) { var p = document.getElementById("away"); if (p) { p.hidden = !is; } }
["htmx:sendError", "htmx:sseError"].forEach(function (name) {
  document.addEventListener(name, function (e) {
    if (e.detail.target === found() && found()) { found().textContent = ""; }
    away(true);
  });
});
["htmx:sseOpen", "htmx:afterOnLoad"].forEach(function (name) { document.addEventListener(name, function () { away(false); }); });
