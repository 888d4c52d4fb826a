// The script of the lend page.

import "../style/page.css";

import { prepareProgram } from "../page/program";
import { showPage } from "../page/show";
import LendPage from "./LendPage.svelte";

// Before the page itself: it arrives and is compiled while the page is drawn and read.
prepareProgram();
showPage(LendPage);
