"use strict";
// Runs before the page is drawn, so that a chosen theme does not flash in late.
try {
  const chosen = localStorage.getItem("sealwatch.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden: the system's theme it is.
}
