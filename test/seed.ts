// The seed of all property tests of a run, so that a failure can be repeated: `npm test` takes it from the commit (every
// commit explores afresh) and prints it; BROWNOUT_TEST_SEED sets it. Without either fast-check chooses, and prints on failure.
import fc from 'fast-check';

const seed = process.env['BROWNOUT_TEST_SEED'];
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
