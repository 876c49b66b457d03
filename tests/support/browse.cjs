// A browser that is driven line by line. Each line of stdin is one JSON object: url, options (of playwright's
// newContext) and script. It opens the page in a context of its own, runs the body of an async function there, and
// prints one line of JSON: what it returned, what was requested and what the console said; or `failure`.
// Chromium, named by the first argument, starts once and ends with stdin.
const fs = require("fs");
const path = require("path");
const readline = require("readline");
const { chromium } = require("playwright-core");

const AXE = fs.readFileSync(path.join(path.dirname(require.resolve("axe-core")), "axe.min.js"), "utf8");

async function seen(browser, job) {
  const context = await browser.newContext(job.options);
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(60000);
    const errors = [], requests = [];
    page.on("console", message => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", error => errors.push(String(error)));
    page.on("dialog", dialog => { errors.push("dialog: " + dialog.message()); dialog.dismiss(); });
    page.on("request", request => requests.push(request.url()));
    await page.goto(job.url);
    const axe = async () => {
      await page.evaluate(AXE);
      const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      return found.violations.map(one => [one.impact, one.id, one.nodes.map(node => node.html.slice(0, 200)).slice(0, 3)]);
    };
    const run = Object.getPrototypeOf(async () => {}).constructor("page", "axe", "fs", job.script);
    const result = await run(page, axe, fs);
    return { result: result === undefined ? null : result, errors, requests };
  } finally {
    await context.close();
  }
}

(async () => {
  const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"] });
  try {
    for await (const line of readline.createInterface({ input: process.stdin })) {
      const answer = await seen(browser, JSON.parse(line)).catch(error => ({ failure: String(error.stack || error) }));
      fs.writeFileSync(1, JSON.stringify(answer) + "\n");
    }
  } finally {
    await browser.close();
  }
})().catch(error => { console.error(error); process.exit(1); });
