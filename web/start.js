// Says what is wrong while the page itself is not there to say it: a part that the server does not have or that does not arrive,
// or a browser that is too old. Written so that such a browser can read it.

(function () {
  // The smallest program with a vector in it.
  var SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
  var PATIENCE_MS = 20000;

  function say(sentence) {
    var place = document.getElementById("static");
    if (!place) return; // The page has come and speaks for itself.
    place.textContent = sentence + " ";
    var again = document.createElement("button");
    again.className = "quiet";
    again.textContent = "Try again";
    again.onclick = function () {
      location.reload();
    };
    place.appendChild(again);
  }

  function missing() {
    say("A part of this page could not be loaded: the connection broke, or the server does not have it.");
  }

  function isTooOld() {
    try {
      return !WebAssembly.validate(new Uint8Array(SIMD));
    } catch (error) {
      return true;
    }
  }

  if (isTooOld()) {
    say("This browser is too old: Guise needs WebAssembly and its SIMD. A newer browser will do.");
    return;
  }
  // What fails to load says so to the document before anyone else, and programs that fail reject.
  addEventListener("error", missing, true);
  addEventListener("unhandledrejection", missing);
  setTimeout(function () {
    say("This takes long: the connection is slow, or the server does not answer.");
  }, PATIENCE_MS);
})();
