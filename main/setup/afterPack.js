// electron-builder's hook after packing, before the other fuses are set and the app is signed: WasmTrapHandlers, the one fuse that
// its configuration has no word for. On is Electron's default; stated, it cannot change behind our back.
import { join } from 'node:path';
import { flipFuses, FuseV1Options, FuseVersion } from '@electron/fuses';

/**
 * @typedef {object} Packed
 * @property {string} appOutDir
 * @property {string} electronPlatformName
 * @property {{ appInfo: { productFilename: string }, executableName?: string }} packager
 */

/** @param {Packed} packed */
export default async function afterPack({ appOutDir, electronPlatformName, packager }) {
  const name = packager.appInfo.productFilename;
  const endings = /** @type {Record<string, string>} */ ({ darwin: '.app', mas: '.app', win32: '.exe' });
  const ending = endings[electronPlatformName];
  const file = ending === undefined ? (packager.executableName ?? name) : name + ending;
  await flipFuses(join(appOutDir, file), { version: FuseVersion.V1, [FuseV1Options.WasmTrapHandlers]: true });
}
