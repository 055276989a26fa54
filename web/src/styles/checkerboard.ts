/** The ground behind what may be transparent. It is drawn at the size of the screen, however large the picture is. */
import { css } from "lit";

export const checkerboard = css`
  .checkerboard {
    background: repeating-conic-gradient(var(--surface-hover) 0 25%, var(--surface-sunken) 0 50%) center / 20px 20px;
  }
`;
