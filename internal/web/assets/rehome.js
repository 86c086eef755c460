// Answers that say what is wrong are shown like others: htmx passes over 4xx otherwise.
document.addEventListener("htmx:beforeSwap", function (e) {
  if (e.detail.xhr.status === 422 || e.detail.xhr.status === 404) { e.detail.shouldSwap = true; e.detail.isError = false; }
});
// A field that holds a command is marked whole when it is entered.
document.addEventListener("focusin", function (e) { if (e.target.readOnly && e.target.select) { e.target.select(); } });
