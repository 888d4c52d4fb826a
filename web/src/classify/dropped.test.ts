import { expect, it } from "vitest";

import { chosenFiles, filesIn } from "./dropped";

type Tree = { [name: string]: Tree | string };

/** A folder as browsers give it to who handles a drop: in portions of two. */
function folder(name: string, tree: Tree, path = `/${name}`): never {
  const entries = Object.entries(tree).map(([inner, what]) =>
    typeof what === "string" ? file(inner, what, `${path}/${inner}`) : folder(inner, what, `${path}/${inner}`),
  );
  const createReader = () => ({ readEntries: (onEntries: (entries: unknown[]) => void) => onEntries(entries.splice(0, 2)) });
  return { isFile: false, isDirectory: true, name, fullPath: path, createReader } as never;
}

function file(name: string, text: string, fullPath: string): unknown {
  const give = (onFile: (file: File) => void) => onFile(new File([text], name));
  return { isFile: true, isDirectory: false, name, fullPath, file: give };
}

it("finds all files in folders, in all portions, but none that is hidden", async () => {
  const tree = { "1.png": "a", "2.png": "b", "3.png": "c", ".DS_Store": "", deeper: { "4.png": "d", ".git": { config: "" } } };
  const found = await filesIn(folder("digits", tree));
  expect(found.map(({ name }) => name)).toEqual(["digits/1.png", "digits/2.png", "digits/3.png", "digits/deeper/4.png"]);
  expect(await found[3]?.file.text()).toBe("d");
});

it("names chosen files by their folder where there is one", () => {
  const inFolder = Object.assign(new File([], "1.png"), { webkitRelativePath: "digits/1.png" });
  expect(chosenFiles([inFolder, new File([], "2.png"), new File([], ".hidden")]).map(({ name }) => name)).toEqual(["digits/1.png", "2.png"]);
});
