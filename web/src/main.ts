/** The entry of the app: defines `qp-app`, which the page holds. */
import "./app/qp-app.js";
