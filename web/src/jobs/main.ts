// The script of the labelling pages.

import "../style/page.css";

import { showPage } from "../page/show";
import JobsPage from "./JobsPage.svelte";

showPage(JobsPage);
