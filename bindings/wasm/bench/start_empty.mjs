// A process of start.mjs that does nothing.
console.log(JSON.stringify([performance.now()]));
process.exit(0);
