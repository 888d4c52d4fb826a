// The script of the page that holds a model.

import "../style/page.css";

import { showPage } from "../page/show";
import ModelPage from "./ModelPage.svelte";

showPage(ModelPage);
