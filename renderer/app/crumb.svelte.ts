// What the view shows, for the top line and the window's title: a run's name, a file. A view sets it.
class Crumb {
  text = $state('');
}
export const crumb = new Crumb();

export function showWhere(text: string): void {
  crumb.text = text;
  document.title = text === '' ? 'Brownout' : `${text} – Brownout`;
}
