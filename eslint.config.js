import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';

const banned = (name, message) => ({ name, message });

export default ts.config(
  { ignores: ['node_modules/', 'dist/', 'out/', 'coverage/', 'screenshots/', 'test/**/planted/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [ts.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Hot loops index typed arrays inside a stated bound; noUncheckedIndexedAccess makes `!` the honest spelling there.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['engine/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        banned('Date', 'Simulated time comes in as an argument; the engine has no clock.'),
        banned('globalThis', 'The engine has no ambient environment.'),
        banned('performance', 'The engine has no clock.'),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Use a seeded stream (engine/core/random.ts).' },
        ...['exp', 'log', 'pow', 'sin', 'cos', 'tan', 'log2', 'log10', 'expm1', 'log1p', 'cbrt', 'hypot', 'tanh'].map(
          (property) => ({
            object: 'Math',
            property,
            message:
              'Not correctly rounded by the language: results could differ between engines. Use engine/core/exactmath.ts.',
          }),
        ),
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'CallExpression[callee.property.name="localeCompare"]',
          message: 'Order must not depend on a locale.',
        },
        {
          selector: 'BinaryExpression[operator="**"]',
          message: 'Not correctly rounded by the language for non-integers. Multiply.',
        },
        {
          selector: 'CallExpression[callee.property.name="sort"][arguments.length=0]',
          message: 'Say the order: sort(compare).',
        },
      ],
    },
  },
  // Types of components are svelte-check's matter; here, what Svelte itself warns of, and no HTML from data.
  ...svelte.configs.recommended,
  {
    files: ['renderer/**/*.svelte', 'renderer/**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser } },
    rules: {
      'no-undef': 'off',
      'no-unused-vars': 'off',
      'svelte/no-at-html-tags': 'error',
      'svelte/no-navigation-without-resolve': 'off',
      // State is declared with $state; a local set is a local set.
      'svelte/prefer-svelte-reactivity': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', module: 'readonly', require: 'readonly', URL: 'readonly' },
    },
  },
);
