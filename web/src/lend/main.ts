// The script of the lend page, which also trains single trials once more.

import "../style/page.css";

import { prepareProgram } from "../page/program";
import { showPage } from "../page/show";
import { trialIn } from "../reproduce/address";
import LendPage from "./LendPage.svelte";

// Before the page itself: it arrives and is compiled while the page is drawn and read.
prepareProgram();
if (trialIn(location.search) === undefined) showPage(LendPage);
else void import("../reproduce/ReproducePage.svelte").then(({ default: page }) => showPage(page));
