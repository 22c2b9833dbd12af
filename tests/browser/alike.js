// Stands after axe in each page that it looks at: text that looks like text which has contrast enough has it too, and
// is not measured again. Two thirds of axe's time went to that, and the links of a list or cells of a table are alike.
//
// Alike is what has the same letters (colour, size, weight, shadow) on the same ground: the same backgrounds, opacities
// and blends on the way up to the page. What is taken out of the flow may lie on something that is not around it, so
// its text is alike to no other's. Only what was measured and passed counts: text that axe cannot tell of (on a picture
// or under something else) says nothing of its like, and each that fails is told of.
(() => {
  const GROUND = ["backgroundColor", "backgroundImage", "opacity", "mixBlendMode", "filter"];
  const LETTERS = ["color", "fontSize", "fontWeight", "textShadow", "webkitTextStrokeWidth", "webkitTextFillColor"];
  const BARE = "rgba(0, 0, 0, 0);none;1;normal;none";
  const check = axe._audit.checks["color-contrast"];
  const { evaluate } = check;
  const { run } = axe;
  let grounds, numbers, passed;
  axe.run = (...given) => {
    [grounds, numbers, passed] = [new Map(), new Map(), new Set()]; // another theme, another answer
    return run(...given);
  };
  const words = (style, names) => names.map((name) => style[name]).join(";");
  const number = (one) => numbers.get(one) ?? numbers.set(one, numbers.size).get(one);
  const ground = (one) => {
    if (!one) return "";
    if (!grounds.has(one)) {
      const style = getComputedStyle(one), own = words(style, GROUND);
      const stays = ["static", "relative"].includes(style.position) && style.float === "none";
      const isApart = !stays || style.transform !== "none";
      const around = ground(one.parentElement) + (own === BARE ? "" : `|${own}`);
      grounds.set(one, around + (isApart ? `#${number(one)}` : ""));
    }
    return grounds.get(one);
  };
  check.evaluate = function (node, ...rest) {
    const look = `${words(getComputedStyle(node), LETTERS)} on ${ground(node)}`;
    if (passed.has(look)) return true;
    let told;
    const keep = (data) => {
      told = data;
      this.data(data);
    };
    const helper = Object.create(this, { data: { value: keep } });
    const has = evaluate.call(helper, node, ...rest);
    if (has === true && told?.contrastRatio) passed.add(look);
    return has;
  };
})();
