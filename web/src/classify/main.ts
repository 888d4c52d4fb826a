// The script of the classify page.

import "../style/page.css";

import { showPage } from "../page/show";
import ClassifyPage from "./ClassifyPage.svelte";

showPage(ClassifyPage);
