/** Writes the pages of the documentation and the drawings of ARCHITECTURE.md that are made from the code: `npm run diagrams`. */
import { writeFileSync } from 'node:fs';
import { rolePage } from '@slotcast/domain';
import { writeDrawings } from '../test/architecture/drawing.ts';

writeFileSync(new URL('../docs/internals/role.md', import.meta.url), rolePage());
writeDrawings();
