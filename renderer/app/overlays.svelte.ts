// Which of the things that float over every view are open.
class Overlays {
  palette = $state(false);
  help = $state(false);
}
export const overlays = new Overlays();
