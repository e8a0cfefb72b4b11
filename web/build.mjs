// Builds dist/viewer.js, the licenses of what is inside, and the stamp that
// `page`'s test compares with these sources: a stale bundle fails there.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync, mkdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
const LIMIT_GZIP = 180_000;

mkdirSync('dist', { recursive: true });
const result = await build({
  entryPoints: ['src/viewer.js'],
  outfile: 'dist/viewer.js',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  metafile: true,
  banner: { js: '/* bonebox viewer; with three.js, MIT: see viewer-licenses.txt */' },
});

const packages = new Set(
  Object.keys(result.metafile.inputs)
    .map((input) => input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1])
    .filter(Boolean),
);
const licenses = [...packages].sort().map((name) => {
  const { version, license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  const text = readFileSync(`node_modules/${name}/LICENSE`, 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
});
writeFileSync('dist/viewer-licenses.txt', licenses.join('\n\n'));

const sources = ['build.mjs', 'package-lock.json', 'package.json']
  .concat(readdirSync('src').map((name) => `src/${name}`))
  .sort();
const lines = sources.concat('dist/viewer.js').map((name) => `${digest(readFileSync(name))}  ${name}`);
writeFileSync('dist/stamp.txt', `${lines.join('\n')}\n`);

const size = gzipSync(readFileSync('dist/viewer.js'), { level: 9 }).length;
console.log(`dist/viewer.js: ${size} bytes gzip`);
if (size > LIMIT_GZIP) {
  console.error(`more than ${LIMIT_GZIP} bytes`);
  process.exit(1);
}
