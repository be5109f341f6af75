/** Runs the stories that its parent sends, with the sources that it was started with, and sends back what they broke. */
import { runStory } from '../run/history.ts';
import type { Story } from '../story/act.ts';

process.on('message', (story: Story) => {
  void runStory(story).then(({ violations }) => process.send?.(violations));
});
