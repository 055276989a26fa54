/** Lint rules of the app: type-aware TypeScript, Lit templates, and accessibility of templates. */
import lit from "eslint-plugin-lit";
import a11y from "eslint-plugin-lit-a11y";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "src/net/api.gen.ts"] },
  {
    files: ["src/**/*.ts", "test/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, lit.configs["flat/recommended"]],
    plugins: { "lit-a11y": a11y },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...a11y.configs.recommended.rules,
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true, ignoreVoidOperator: true }],
      "@typescript-eslint/no-extraneous-class": "off",
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-floating-promises": ["error", { allowForKnownSafeCalls: [{ from: "package", name: "test", package: "node:test" }] }],
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
);
