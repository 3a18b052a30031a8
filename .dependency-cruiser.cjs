// One direction of dependency: renderer -> contract <- main -> engine, and inside engine/ no row imports a higher one.
// The oracle is written through one-way sinks: nothing that tracks may import it.
const rows = [
  'core',
  'iommu',
  'iommufd|vfio',
  'kvm',
  'viommu',
  'devices',
  'machine',
  'migration',
  'uapi',
  'explore',
  'experiment',
];
const upward = rows.slice(0, -1).map((row, i) => ({
  name: `engine: ${row} must not import a higher row`,
  severity: 'error',
  from: { path: `^engine/(${row})/` },
  to: { path: `^engine/(${rows.slice(i + 1).join('|')})/` },
}));

/** Packages without I/O, clock or chance of their own: the engine may use them. */
const purePackages = ['@noble/hashes', 'fastest-levenshtein', 'yaml', 'zod'];

module.exports = {
  forbidden: [
    ...upward,
    { name: 'no cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'engine is pure',
      severity: 'error',
      from: { path: '^engine/' },
      to: { pathNot: ['^engine/', ...purePackages.map((name) => `^node_modules/${name}/`)] },
    },
    {
      name: 'nothing that tracks reads the oracle',
      severity: 'error',
      from: { path: '^engine/', pathNot: ['^engine/migration/oracle', '^engine/experiment/', '^engine/explore/'] },
      to: { path: '^engine/migration/oracle' },
    },
    {
      name: 'main does not reach into the renderer',
      severity: 'error',
      from: { path: '^main/' },
      to: { path: '^renderer/' },
    },
    {
      name: 'renderer sees only the contract',
      severity: 'error',
      from: { path: '^renderer/' },
      to: { path: '^main/', pathNot: '^main/contract/' },
    },
    {
      name: 'renderer takes engine types only',
      severity: 'error',
      from: { path: '^renderer/' },
      to: { path: '^engine/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'the contract belongs to neither side',
      severity: 'error',
      from: { path: '^main/contract/' },
      to: { pathNot: ['^main/contract/', '^engine/', '^node_modules/zod/'] },
    },
    {
      name: 'product code does not import tests',
      severity: 'error',
      from: { path: '^(engine|main|renderer)/' },
      to: { path: '^test/' },
    },
    { name: 'every import resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
