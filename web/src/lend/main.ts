// The script of the lend page, and of the page that trains one trial once more.

import "../style/page.css";

import { prepareProgram } from "../page/program";
import { showPage } from "../page/show";
import LendPage from "./LendPage.svelte";
import { reproduced } from "./reproduction";

// Before the page itself: it arrives and is compiled while the page is drawn and read.
prepareProgram();

const address = reproduced(location.search);
if (address) {
  // Few come for this: the others don't wait for it.
  const { default: ReproducePage } = await import("./ReproducePage.svelte");
  showPage(ReproducePage, { address });
} else {
  showPage(LendPage);
}
