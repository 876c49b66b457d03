// What the theme leaves out for the keyboard and for screen readers.
function complete() {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  for (const part of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code")) {
    part.tabIndex = 0; // it may be wider than the window: the arrow keys scroll it
  }
}

// The theme wraps tables while the page is loaded.
new MutationObserver(complete).observe(document.documentElement, { childList: true, subtree: true });
