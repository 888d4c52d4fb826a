// The script of the studies pages.

import "../style/page.css";

import { showPage } from "../page/show";
import StudiesPage from "./StudiesPage.svelte";

showPage(StudiesPage);
