/** Writes the pages of the documentation that are made from tables in the code: `npm run diagrams`. */
import { writeFileSync } from 'node:fs';
import { rolePage } from '@slotcast/domain';

writeFileSync(new URL('../docs/internals/role.md', import.meta.url), rolePage());
