/** The colours of the four families of bricks, and the square mark that wears them. */
import { css } from "lit";

export const family = css`
  .is-input {
    --tint: var(--input);
    --tint-text: var(--input-text);
  }

  .is-setting {
    --tint: var(--setting);
    --tint-text: var(--setting-text);
  }

  .is-generator {
    --tint: var(--generator);
    --tint-text: var(--generator-text);
  }

  .is-output {
    --tint: var(--output);
    --tint-text: var(--output-text);
  }

  .mark {
    display: grid;
    flex: none;
    place-items: center;
    width: var(--mark, 34px);
    height: var(--mark, 34px);
    border-radius: calc(var(--mark, 34px) * 0.27);
    background: color-mix(in srgb, var(--tint) 18%, transparent);
    color: var(--tint-text);
  }
`;
