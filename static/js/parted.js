// The account is deleted: so is what was typed in this tab.
import { forgetDrafts } from "./drafts.js";

forgetDrafts();
