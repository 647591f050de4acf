// A process of start.mjs: a client and its first consumer.
const times = [performance.now()];
const { connect } = await import('millrace');
times.push(performance.now());
const client = await connect('redis://127.0.0.1:1');
times.push(performance.now());
client.consumer({ stream: 's', group: 'g' });
times.push(performance.now());
console.log(JSON.stringify(times));
process.exit(0);
