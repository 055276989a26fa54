/** The look of the mask editor's window. */
import { css } from "lit";

export const maskEditorStyles = css`
  dialog {
    width: min(1240px, 94vw);
    height: min(900px, 92vh);
    max-height: none;
    --scale: 0.985;
  }

  .frame {
    display: flex;
    flex-direction: column;
    height: 100%;
  }

  .head {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 12px;
    padding: 10px 12px 8px 20px;
  }

  h2 {
    font-size: 17px;
    font-weight: 650;
  }

  .body {
    display: flex;
    flex: 1;
    flex-direction: column;
    min-height: 0;
    border-top: 1px solid var(--line);
  }

  .body > :last-child {
    flex: 1;
  }

  .wait {
    display: grid;
    place-items: center;
    color: var(--text-soft);
  }

  .foot {
    display: flex;
    align-items: center;
    gap: 8px;
    padding: 10px 14px;
    border-top: 1px solid var(--line);
  }

  .foot p {
    flex: 1;
    min-width: 0;
  }

  @media (max-width: 720px) {
    dialog {
      width: 100vw;
      height: 100dvh;
      border: 0;
      border-radius: 0;
    }

    .foot .hint {
      visibility: hidden;
    }
  }
`;
