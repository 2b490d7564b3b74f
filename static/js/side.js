// The list at the side of pages that have no conversation.
import { List } from "./list.js";

const place = document.getElementById("list");
const search = document.getElementById("search");
if (place && search instanceof HTMLInputElement) new List(place, search);
