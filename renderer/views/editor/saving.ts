// An experiment as a file of the user's own: the desktop's dialog, or a download.

/** Resolves with the name it has now, or null where the user thought better of it. */
export async function saveToFile(fileName: string, text: string): Promise<string | null> {
  if (window.desktop !== undefined) return window.desktop.saveFile(fileName, text);
  const address = URL.createObjectURL(new Blob([text], { type: 'application/yaml' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 60_000);
  return fileName;
}
