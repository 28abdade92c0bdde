"use strict";

// Buttons with data-copy="id" copy what the field of that id holds.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // Without https (or localhost) browsers have no clipboard object.
      document.execCommand("copy");
    }
    button.textContent = "Copied";
  });
}
