// Electron's preload entry, bundled as one CommonJS file: a sandboxed preload can load nothing else.
import { contextBridge, ipcRenderer } from 'electron';
import { exposeDesktop, type PreloadWindow } from './exposeDesktop.ts';

declare const window: PreloadWindow;

exposeDesktop({ contextBridge, ipcRenderer, window });
