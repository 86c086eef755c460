// An answer that says what went wrong takes the place of the page where the server says so: htmx passes over 4xx and 5xx otherwise.
document.addEventListener("htmx:beforeSwap", function (e) {
  if (e.detail.xhr.getResponseHeader("HX-Retarget")) { e.detail.shouldSwap = true; e.detail.isError = false; }
});
// What is fetched anew by itself waits while somebody types there.
document.addEventListener("htmx:beforeRequest", function (e) {
  var t = e.target;
  if (!t.matches("[data-polls], #body")) { return; }
  var typed = Array.prototype.some.call(t.querySelectorAll("input, textarea"), function (i) { return i.value !== i.defaultValue; });
  if (typed || t.matches("[data-polls]") && t.contains(document.activeElement)) { e.preventDefault(); }
});
// A field that holds a command is marked whole when it is entered.
document.addEventListener("focusin", function (e) { if (e.target.readOnly && e.target.select) { e.target.select(); } });
