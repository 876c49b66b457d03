// Opens a page in Chromium, runs the body of an async function there, and prints what it returned, what was requested and
// what the console said. Reads one JSON object from stdin: url, options (of playwright's newContext), script, chromium.
const fs = require("fs");
const path = require("path");
const { chromium } = require("playwright-core");

(async () => {
  const job = JSON.parse(fs.readFileSync(0, "utf8"));
  const browser = await chromium.launch({ executablePath: job.chromium, args: ["--no-sandbox"] });
  try {
    const page = await (await browser.newContext(job.options)).newPage();
    page.setDefaultTimeout(60000);
    const errors = [], requests = [];
    page.on("console", message => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", error => errors.push(String(error)));
    page.on("dialog", dialog => { errors.push("dialog: " + dialog.message()); dialog.dismiss(); });
    page.on("request", request => requests.push(request.url()));
    await page.goto(job.url);
    const axe = async () => {
      await page.evaluate(fs.readFileSync(path.join(path.dirname(require.resolve("axe-core")), "axe.min.js"), "utf8"));
      const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      return found.violations.map(one => [one.impact, one.id, one.nodes.map(node => node.html.slice(0, 200)).slice(0, 3)]);
    };
    const run = Object.getPrototypeOf(async () => {}).constructor("page", "axe", "fs", job.script);
    const result = await run(page, axe, fs);
    fs.writeFileSync(1, JSON.stringify({ result: result === undefined ? null : result, errors, requests }));
  } finally {
    await browser.close();
  }
})().catch(error => { console.error(error); process.exit(1); });
