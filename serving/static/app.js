// Everything works without this; with it, what a tick opens stays shut until it is ticked, and an
// error is read out.
import { initAll } from "./vendor/govuk-frontend.min.js";

initAll();
