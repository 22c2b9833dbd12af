// A request of htmx that failed without an answer to show says so in #problems, and what was clicked stays.
// 4xx answers carry their own words and are retargeted by the server.

function say(title, text) {
  const region = document.getElementById("problems");
  if (!region) return;
  const banner = document.createElement("div");
  banner.className = "banner banner-bad";
  const words = document.createElement("p");
  const strong = document.createElement("b");
  strong.textContent = title;
  words.append(strong, " ", text);
  banner.append(words);
  region.replaceChildren(banner);
}

document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status < 500) return;
  const id = event.detail.xhr.getResponseHeader("X-Request-ID");
  say("Galaxy could not finish that.", `Try again in a moment.${id ? ` Request ${id}.` : ""}`);
});

document.addEventListener("htmx:sendError", () => {
  say("Galaxy did not answer.", "Check the connection and try again. Nothing on this page was changed.");
});

document.addEventListener("htmx:timeout", () => {
  say("Galaxy took too long to answer.", "It may still have done it: reload the page before you try again.");
});

// The next thing that works takes the old problem away. A poll that goes on in the background does not count.
document.addEventListener("htmx:afterSwap", (event) => {
  const region = document.getElementById("problems");
  if (region && event.detail.requestConfig?.verb !== "get" && event.detail.target !== region) region.replaceChildren();
});
