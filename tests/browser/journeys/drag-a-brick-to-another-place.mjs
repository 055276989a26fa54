/** A brick is taken by its grip and let go elsewhere; Escape leaves it where it was. */
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

await journey(async ({ page, app }) => {
  await app.open();
  await app.fold("Styles", false);
  const { mouse } = page;
  const middle = async (locator) => {
    const { x, y, width, height } = await locator.boundingBox();
    return [x + width / 2, y + height / 2];
  };
  const carry = async (name, to) => {
    await mouse.move(...(await middle(app.button(`Move ${name}`))));
    await mouse.down();
    const [x, y] = await middle(app.brick(to));
    await mouse.move(x - 40, y, { steps: 8 });
    await mouse.move(x + 40, y, { steps: 8 });
    await until(`${name} has followed the pointer`, async () => {
      const { x: left, width } = await app.brick(name).boundingBox();
      return left < x + 40 && x + 40 < left + width;
    });
  };

  await carry("Prompt", "Settings");
  await mouse.up();
  await app.hasBricks("Styles", "Settings", "Prompt", "Render", "Output");
  // The styles have no prompt before them now, and say so.
  await app.brick("Styles").getByText("Prompt is not connected").waitFor();

  await carry("Output", "Styles");
  await page.keyboard.press("Escape");
  await mouse.up();
  await app.hasBricks("Styles", "Settings", "Prompt", "Render", "Output");

  // What was called off is no step: one undo takes back the drop before it.
  await app.button("Undo").click();
  await app.hasBricks("Prompt", "Styles", "Settings", "Render", "Output");
});
