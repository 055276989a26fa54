import assert from "node:assert/strict";
import { test } from "node:test";
import { INITIAL, Store } from "../src/store/state.js";

test("a toast never has the id of one before it, also when that is gone", () => {
  const store = new Store(INITIAL);
  store.toast("first");
  const [first] = store.state.toasts;
  store.dropToast(first?.id ?? 0);
  store.toast("second");
  assert.notEqual(store.state.toasts[0]?.id, first?.id);
});
