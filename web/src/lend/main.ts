// The script of the lend page.

import "../style/page.css";

import { showPage } from "../page/show";
import LendPage from "./LendPage.svelte";

showPage(LendPage);
