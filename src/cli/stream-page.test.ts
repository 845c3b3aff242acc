import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildStream } from "../pipeline/build-stream.ts";
import { formatManifest } from "../streams/manifest.ts";
import { run } from "./stream-show.ts";

const root = mkdtempSync(join(tmpdir(), "stream-page-"));
const file = join(root, "stream.json");
const page = join(root, "page.html");

beforeAll(async () => {
  for (const [i, name] of ["ant", "bee", "cat"].entries()) {
    mkdirSync(join(root, "zoo", name), { recursive: true });
    // Wider than a thumbnail, and not square.
    await sharp({ create: { width: 400, height: 100, channels: 3, background: { r: 90 * i, g: 20, b: 200 } } })
      .jpeg()
      .toFile(join(root, "zoo", name, "1.jpg"));
    writeFileSync(join(root, "zoo", name, "1.txt"), `<b onclick=alert(1)>${name}</b>`);
  }
  const places = { from: ["./zoo"], base: root, out: file, env: {} };
  writeFileSync(file, formatManifest(await buildStream(places, { stream: { order: "given", tasks: 2 }, seed: 0 })));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const written = (): string => readFileSync(page, "utf8");

test("a page holds pictures of each task as small images, captions as text, and no path of the machine", async () => {
  expect(await run([file, "--html", page, "--quiet", "--json"])).toBe(0);
  const { document } = parseHTML(written());
  const images = [...document.querySelectorAll("#samples img")];
  expect(images.map((image) => image.getAttribute("alt"))).toEqual(
    ["ant", "bee", "cat"].map((name) => `${name}: <b onclick=alert(1)>${name}</b>`),
  );
  for (const image of images) {
    const { width, height } = await sharp(Buffer.from((image.getAttribute("src") ?? "").split(",")[1] ?? "", "base64")).metadata();
    expect([width, height]).toEqual([128, 128]);
  }
  expect(document.querySelectorAll("[onclick]")).toHaveLength(0);
  expect(written()).not.toContain(root);
  expect(written().length).toBeLessThan(100_000);
});

test("a page of a stream whose data is gone says so; one of a published list has no pictures", async () => {
  const list = join(root, "list.json");
  writeFileSync(list, JSON.stringify(["DTD+++a", "DTD+++b", "CIFAR100+++c"]));
  expect(await run([list, "--html", page, "--tasks", "3", "--quiet", "--json"])).toBe(0);
  expect(parseHTML(written()).document.querySelector("#missing")?.textContent).toContain("does not say where its data lies");
  rmSync(join(root, "zoo"), { recursive: true });
  expect(await run([file, "--html", page, "--quiet", "--json"])).toBe(0);
  const { document } = parseHTML(written());
  expect(document.querySelector("#missing")?.textContent).toContain("could not be opened");
  expect(document.querySelectorAll("img")).toHaveLength(0);
  expect(written()).not.toContain(root);
});

test("a page of another name is refused before anything is read", async () => {
  await expect(run([file, "--html", join(root, "page.txt")])).rejects.toThrow(/expected a name that ends in \.html/);
});
