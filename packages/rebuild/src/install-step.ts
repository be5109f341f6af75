/** What has been done when the process could end in between; a server starts after each. */
export const installSteps = [
  'snapshot_written',
  'snapshot_placed',
  'folder_made',
  'state_written',
  'state_checked',
  'slot_placed',
] as const;
export type InstallStep = (typeof installSteps)[number];
export type AfterStep = (step: InstallStep) => void | Promise<void>;
