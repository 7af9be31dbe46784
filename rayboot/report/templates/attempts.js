// The browser of attempts: filters, a list, and the chosen chain of attempts.
(() => {
  const data = JSON.parse(document.getElementById("attempts-data").textContent);
  const PAGE = 150;
  const STATUS = {
    passed: "passed", failed: "wrong answer", error: "runtime error", syntax_error: "syntax error", timeout: "too slow",
    memory_limit: "too much memory", output_limit: "too much output", crashed: "crashed",
    sandbox_error: "sandbox error", skipped: "prompt too long",
  };
  const OUTCOME = { first: "solved at first", repaired: "repaired", failed: "not solved" };
  const GLYPH = { first: "✓", repaired: "↻", failed: "·" };
  const KIND = { first: "first", repaired: "fixed", failed: "none" };
  const SPLIT = { train: "training", validation: "validation", test: "test" };
  const text = (number) => data.texts[number];
  const asObject = (names, values) => Object.fromEntries(names.map((name, at) => [name, values[at]]));

  const problemWith = (attempt) => {
    const status = text(attempt.status);
    return status === "error" ? text(attempt.error_type) || STATUS.error : STATUS[status] ?? status;
  };
  const chains = data.chains.map((values) => {
    const chain = asObject(data.chain, values);
    chain.attempts = values.at(-1).map((attempt) => asObject(data.attempt, attempt));
    const passed = chain.attempts.findIndex((attempt) => text(attempt.status) === "passed");
    chain.outcome = passed < 0 ? "failed" : passed === 0 ? "first" : "repaired";
    chain.error = passed === 0 ? "" : problemWith(chain.attempts[0]);
    return chain;
  });

  const list = document.getElementById("entries");
  const detail = document.getElementById("entry");
  const query = document.getElementById("query");
  const more = document.getElementById("more");
  const filters = [...document.querySelectorAll("[data-filter]")];
  const NAMES = {
    run: (value) => data.runs[value], split: (value) => SPLIT[value] ?? value, iteration: String,
    outcome: (value) => OUTCOME[value], error: (value) => value,
  };
  for (const filter of filters) {
    const field = filter.dataset.filter;
    const counts = new Map();
    for (const chain of chains) counts.set(chain[field], (counts.get(chain[field]) ?? 0) + 1);
    const order = { outcome: Object.keys(OUTCOME), split: ["test", "validation", "train"] }[field]
      ?? [...counts.keys()].sort((a, b) => (field === "error" ? counts.get(b) - counts.get(a) : a - b));
    filter.append(new Option("all", ""));
    for (const value of order) {
      if (counts.has(value) && value !== "") filter.append(new Option(`${NAMES[field](value)} (${counts.get(value)})`, value));
    }
  }

  let found = [];
  let drawn = 0;
  let chosen = null;

  const search = () => {
    const wanted = query.value.trim().toLowerCase();
    const texts = new Set();
    if (wanted) data.texts.forEach((one, number) => { if (one.toLowerCase().includes(wanted)) texts.add(number); });
    const has = (chain) => chain.problem.toLowerCase().includes(wanted) || texts.has(chain.prompt)
      || chain.attempts.some((attempt) => [attempt.program, attempt.told, attempt.error_type, attempt.message, attempt.call,
        attempt.got, attempt.expected, attempt.stdout].some((number) => texts.has(number)));
    const set = filters.filter((filter) => filter.value !== "");
    found = chains.filter((chain) => set.every((filter) => String(chain[filter.dataset.filter]) === filter.value)
      && (!wanted || has(chain)));
    list.replaceChildren();
    drawn = 0;
    draw();
    document.getElementById("found").textContent = `${found.length.toLocaleString("en")} of ${chains.length.toLocaleString("en")}`;
    choose(found.includes(chosen) ? chosen : found[0] ?? null);
    list.parentElement.scrollTop = 0;
  };

  const draw = () => {
    const until = Math.min(drawn + PAGE, found.length);
    for (; drawn < until; drawn++) list.append(option(found[drawn], drawn));
    more.hidden = drawn === found.length;
  };
  const where = (chain) => [
    ...(data.runs.length > 1 ? [data.runs[chain.run]] : []),
    SPLIT[chain.split] ?? chain.split, `iteration ${chain.iteration}`, ...(chain.sample ? [`sample ${chain.sample}`] : []),
  ].join(", ");
  const badge = (chain) => node("span", `turn ${KIND[chain.outcome]}`, GLYPH[chain.outcome]);
  const option = (chain, number) => {
    const mark = badge(chain);
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", OUTCOME[chain.outcome]);
    const entry = node("div", "option", mark,
      node("span", "name", node("b", "", chain.problem), node("small", "", where(chain) + (chain.error ? ` · ${chain.error}` : ""))));
    entry.id = `entry-${number}`;
    entry.setAttribute("role", "option");
    entry.addEventListener("click", () => choose(chain));
    return entry;
  };

  const choose = (chain) => {
    list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    chosen = chain;
    const number = found.indexOf(chain);
    while (number >= drawn && drawn < found.length) draw();
    const entry = list.children[number];
    if (entry) {
      entry.setAttribute("aria-selected", "true");
      list.setAttribute("aria-activedescendant", entry.id);
      const box = list.parentElement;
      if (entry.offsetTop < box.scrollTop) box.scrollTop = entry.offsetTop;
      const below = entry.offsetTop + entry.offsetHeight - box.clientHeight;
      if (below > box.scrollTop) box.scrollTop = below;
    } else list.removeAttribute("aria-activedescendant");
    detail.replaceChildren(...(chain ? story(chain) : [node("p", "about", "Nothing was found.")]));
    detail.scrollTop = 0;
  };

  const verdict = (attempt) => {
    const status = text(attempt.status);
    const passed = status === "passed";
    const line = node("p", `verdict ${passed ? "right" : "wrong"}`, node("b", "", passed ? "✓ passed" : `✗ ${STATUS[status] ?? status}`));
    const said = [text(attempt.error_type), text(attempt.message)].filter(Boolean).join(": ");
    const asserted = status === "failed" && text(attempt.error_type) === "AssertionError" && !text(attempt.message);
    if (!passed && said && !asserted) line.append(` ${said}`);
    if (!passed && attempt.line !== null) line.append(` (line ${attempt.line})`);
    const facts = node("dl", "facts");
    const fields = { call: "called", got: "got", expected: "expected", stdout: "printed" };
    for (const [field, name] of Object.entries(fields)) {
      if (!passed && text(attempt[field])) facts.append(node("dt", "", name), node("dd", "", node("code", "", text(attempt[field]))));
    }
    return facts.children.length ? [line, facts] : [line];
  };

  const step = (chain, attempt, before) => {
    const title = attempt.round === 0 ? "First attempt" : chain.attempts.length > 2 ? `Repair ${attempt.round}` : "Repair";
    const about = `${attempt.prompt_tokens} + ${attempt.completion_tokens} tokens, run in ${attempt.wall_seconds} s`
      + (text(attempt.finish_reason) === "length" ? ", cut at the most tokens" : "");
    const parts = [];
    if (before && text(attempt.told)) {
      const told = node("pre", "told", text(attempt.told));
      told.tabIndex = 0;
      parts.push(node("h4", "", "Feedback to the model"), told);
    }
    if (text(attempt.status) === "skipped") return [...parts, node("h4", "", title), node("p", "about", "Not made: the prompt did not fit the token budget.")];
    const changed = before !== null && text(before.program) === text(attempt.program) ? ", the same program again" : "";
    return [...parts, node("h4", "", title, node("small", "", about + changed)),
      program(text(attempt.program), title, attempt.line, before && text(before.program)), ...verdict(attempt)];
  };

  // The same problem in other iterations and runs.
  const others = (chain) => {
    const same = chains.filter((other) => other.problem === chain.problem && other.split === chain.split && other.sample === chain.sample);
    if (same.length < 2) return [];
    const line = node("div", "others", "This problem in iteration ");
    for (const other of same) {
      const name = (data.runs.length > 1 ? `${data.runs[other.run]} ` : "") + other.iteration;
      const mark = badge(other);
      mark.setAttribute("aria-hidden", "true");
      const button = node("button", "", `${name} `, mark);
      button.type = "button";
      button.setAttribute("aria-label", `iteration ${name}: ${OUTCOME[other.outcome]}`);
      if (other === chain) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => {
        choose(other);
        detail.querySelector("[aria-current]").focus();
      });
      line.append(button);
    }
    return [line];
  };

  const story = (chain) => {
    const prompt = node("pre", "prompt", text(chain.prompt) || "No prompt fitted the token budget.");
    prompt.tabIndex = 0;
    const parts = [node("h3", "", badge(chain), ` ${chain.problem} `, node("small", "", `${where(chain)}: ${OUTCOME[chain.outcome]}`)),
      ...others(chain), node("h4", "", "Prompt"), prompt];
    chain.attempts.forEach((attempt, number) => parts.push(...step(chain, attempt, number ? chain.attempts[number - 1] : null)));
    return parts;
  };

  const KEYS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
  list.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || !found.length) return;
    event.preventDefault();
    choose(found[Math.max(0, Math.min(found.length - 1, found.indexOf(chosen) + KEYS[event.key]))]);
  });
  more.addEventListener("click", draw);
  let waiting;
  query.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 120);
  });
  filters.forEach((filter) => filter.addEventListener("change", search));
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  for (const link of document.querySelectorAll("[data-problem]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault(); // Going to the section would take the focus from the list.
      filters.forEach((filter) => { filter.value = ""; });
      query.value = link.dataset.problem;
      search();
      document.getElementById("attempts").scrollIntoView();
      list.focus({ preventScroll: true });
    });
  }
  search();
})();
