// A text as a file of the user's own: where the desktop's dialog says, or among the browser's downloads.

/** Resolves with the name it has now, or null where the user thought better of it. */
export async function saveFile(fileName: string, text: string, mediaType: string): Promise<string | null> {
  if (window.desktop !== undefined) return window.desktop.saveFile(fileName, text);
  const address = URL.createObjectURL(new Blob([text], { type: mediaType }));
  download(address, fileName);
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 60_000);
  return fileName;
}

/** Lets the browser fetch an address of our own and keep it as a file. */
export function download(address: string, fileName: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName;
  link.click();
}
