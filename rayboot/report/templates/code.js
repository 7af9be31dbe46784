// Programs as numbered lines, with what a repair changed.
const node = (name, className, ...children) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
};

const WORDS = /(#.*$|\/\/.*$)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)|\b(False|None|True|and|as|assert|async|await|break|case|class|const|continue|def|default|del|do|elif|else|except|false|final|finally|for|from|func|function|global|if|import|in|int|is|lambda|let|my|new|nil|nonlocal|not|null|or|package|pass|private|public|raise|return|self|static|sub|switch|this|throw|true|try|use|var|void|while|with|yield)\b|(\b\d[\w.]*)/g;
const CLASSES = ["comment", "string", "word", "number"];

const coloured = (line) => {
  const parts = [];
  let at = 0;
  for (const match of line.matchAll(WORDS)) {
    // Two slashes are a comment in some languages and a division in Python.
    const kind = match[0].startsWith("//") ? -1 : match.slice(1).findIndex((part) => part !== undefined);
    if (kind < 0) continue;
    parts.push(line.slice(at, match.index), node("span", CLASSES[kind], match[0]));
    at = match.index + match[0].length;
  }
  parts.push(line.slice(at));
  return parts;
};

// The longest common subsequence of lines: which lines stay, go and come.
const difference = (before, after) => {
  const common = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i][j] = before[i] === after[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const lines = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push(["same", after[j++]]);
      i++;
    } else if (i < before.length && (j === after.length || common[i + 1][j] >= common[i][j + 1])) lines.push(["gone", before[i++]]);
    else lines.push(["come", after[j++]]);
  }
  return lines;
};

const MOST_LINES = 400;

const program = (text, label, wrongLine = null, before = null) => {
  const own = text.split("\n");
  const old = before === null ? null : before.split("\n");
  const compared = old && old.length <= MOST_LINES && own.length <= MOST_LINES;
  const lines = compared ? difference(old, own) : own.map((line) => ["same", line]);
  const shown = node("pre", "program");
  shown.tabIndex = 0;
  shown.setAttribute("role", "group");
  shown.setAttribute("aria-label", label);
  let number = 0;
  for (const [kind, line] of lines) {
    if (kind !== "gone") number++;
    const wrong = kind !== "gone" && number === wrongLine;
    const row = node("span", `code ${compared ? kind : ""}${wrong ? " fault" : ""}`);
    row.dataset.number = kind === "gone" ? "" : number;
    row.append(...coloured(line), "\n");
    shown.append(row);
  }
  return shown;
};
