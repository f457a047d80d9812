const questions = JSON.parse(document.getElementById("data").textContent);
const list = document.getElementById("questions");
const form = document.getElementById("sheet");
const result = document.getElementById("result");

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

for (const { letter, text, choices } of questions) {
  const item = element("li", undefined, { id: letter });
  const asked = `${letter}  ${text}`;
  if (choices.length === 0) {
    const label = element("label", asked);
    label.append(element("input", undefined,
      { type: "text", inputmode: "numeric", name: letter, autocomplete: "off" }));
    item.append(label);
  } else {
    const set = element("fieldset");
    set.append(element("legend", asked));
    choices.forEach((choice, place) => {
      const label = element("label");
      label.append(element("input", undefined, { type: "radio", name: letter, value: place }), ` ${choice}`);
      set.append(label);
    });
    item.append(set);
  }
  item.append(element("p", "", { class: "said" }), element("p", "", { class: "rule" }));
  list.append(item);
}

function show(item, kind, said, rule) {
  item.className = kind;
  item.querySelector(".said").textContent = said;
  item.querySelector(".rule").textContent = rule;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const answers = new FormData(form);
  let right = 0;
  for (const question of questions) {
    const item = document.getElementById(question.letter);
    const given = (answers.get(question.letter) ?? "").trim();
    if (given === "") {
      show(item, "", "not answered", "");
    } else if (/^[0-9]+$/.test(given) && Number(given) === question.right) {
      right += 1;
      show(item, "is-right", "✓ right", "");
    } else {
      show(item, "is-wrong", "✗ not so; the rule is:", question.rule);
    }
  }
  result.textContent = `${right} of ${questions.length} right`;
});

form.addEventListener("reset", () => {
  for (const { letter } of questions) show(document.getElementById(letter), "", "", "");
  result.textContent = "";
});
